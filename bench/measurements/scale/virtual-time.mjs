/**
 * Virtual time for thousands of simulated processes in this one.
 *
 * A process is an async function with a clock. It computes in no time: its clock moves only while it sleeps. What it does
 * for real meanwhile, such as an exchange over a socket, is awaited before time goes on. Processes that wake within one step
 * do so together, each at its exact time.
 */

/** Unix time in ms at the start of a simulation. */
export const EPOCH = 1_795_305_600_000;
const STEP_MS = 100;

/**
 * @typedef {object} VirtualClock
 * @property {() => any} now  Unix time, in ms
 * @property {() => any} monotonic  ms since the start of the simulation
 * @property {(ms: number) => Promise<any>} sleep
 */

export class VirtualTime {
  /** In ms since the start. */
  now = 0;
  #awake = 0;
  #onQuiet = () => {};
  /** What wakes them, by step. */
  #sleepers = new Map();

  /**
   * Starts a process at this time, in ms. If it rejects, so does nothing else: an unhandled rejection ends the program.
   *
   * @param {number} at
   * @param {(clock: VirtualClock) => Promise<unknown>} run  must not return before the simulation ends
   */
  start(at, run) {
    let time = at;
    const clock = {
      now: () => EPOCH + time,
      monotonic: () => time,
      sleep: (ms) =>
        new Promise((resolve) => {
          const until = time + Math.max(0, ms);
          this.#wakeAt(until, () => {
            time = until;
            resolve(undefined);
          });
          this.#awake -= 1;
          if (this.#awake === 0) this.#onQuiet();
        }),
    };
    this.#wakeAt(at, () => void run(clock));
  }

  /** Lets time pass until then: a multiple of a step, in ms. @param {number} end */
  async runUntil(end) {
    for (; this.now < end; this.now += STEP_MS)
      for (let due = this.#due(); due !== undefined; due = this.#due()) {
        this.#awake = due.length;
        const quiet = new Promise((resolve) => {
          this.#onQuiet = () => resolve(undefined);
        });
        for (const wake of due) wake();
        await quiet;
      }
  }

  /** Those that wake in this step. A process that sleeps for less than a step may do so again. */
  #due() {
    const step = Math.floor(this.now / STEP_MS);
    const due = this.#sleepers.get(step);
    this.#sleepers.delete(step);
    return due;
  }

  #wakeAt(at, wake) {
    const step = Math.floor(at / STEP_MS);
    const sleepers = this.#sleepers.get(step);
    if (sleepers === undefined) this.#sleepers.set(step, [wake]);
    else sleepers.push(wake);
  }
}

/** A thread that works on one thing at a time, in virtual time. */
export class Worker {
  /** Ms of work so far. */
  busy = 0;
  #freeAt = 0;

  /** Returns how long it takes, in ms, until this work is done as well. @param {number} now @param {number} ms */
  take(now, ms) {
    this.busy += ms;
    this.#freeAt = Math.max(now, this.#freeAt) + ms;
    return this.#freeAt - now;
  }
}
