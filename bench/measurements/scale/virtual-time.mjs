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
  /** A binary heap of `{ at, wake }`, the earliest first. */
  #sleepers = [];

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
          this.#push(until, () => {
            time = until;
            resolve(undefined);
          });
          this.#awake -= 1;
          if (this.#awake === 0) this.#onQuiet();
        }),
    };
    this.#push(at, () => void run(clock));
  }

  /** Lets time pass until then, in ms. @param {number} end */
  async runUntil(end) {
    for (let first = this.#sleepers[0]; first !== undefined && first.at <= end; first = this.#sleepers[0]) {
      this.now = first.at;
      const due = [];
      while (this.#sleepers.length > 0 && this.#sleepers[0].at <= Math.min(this.now + STEP_MS, end))
        due.push(this.#pop());
      this.#awake = due.length;
      const quiet = new Promise((resolve) => {
        this.#onQuiet = () => resolve(undefined);
      });
      for (const { wake } of due) wake();
      await quiet;
    }
    this.now = end;
  }

  #push(at, wake) {
    const heap = this.#sleepers;
    let index = heap.push({ at, wake }) - 1;
    for (
      let parent = (index - 1) >> 1;
      index > 0 && heap[parent].at > heap[index].at;
      parent = (index - 1) >> 1
    ) {
      [heap[parent], heap[index]] = [heap[index], heap[parent]];
      index = parent;
    }
  }

  #pop() {
    const heap = this.#sleepers;
    const [first] = heap;
    const last = heap.pop();
    if (heap.length === 0) return first;
    heap[0] = last;
    for (let index = 0; ; ) {
      const [left, right] = [2 * index + 1, 2 * index + 2];
      let least = index;
      if (left < heap.length && heap[left].at < heap[least].at) least = left;
      if (right < heap.length && heap[right].at < heap[least].at) least = right;
      if (least === index) return first;
      [heap[index], heap[least]] = [heap[least], heap[index]];
      index = least;
    }
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
