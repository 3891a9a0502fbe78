/** Drains the spill while its senders are connected: at one place at a time, and when the sender that it waits for is ready. */
import { drain, type SpillSender, type SpillTarget } from "./drain.js";
import type { Spill } from "./spill.js";

export class SpillDrain {
  readonly #spill: Spill;
  readonly #target: SpillTarget;
  #isRunning = false;
  #waitingFor: SpillSender | undefined;
  /** Called at the end of each attempt. */
  readonly #afterRun: (() => void)[] = [];

  constructor(spill: Spill, target: SpillTarget) {
    this.#spill = spill;
    this.#target = target;
  }

  get isEmpty(): boolean {
    return this.#spill.isEmpty;
  }

  /** To be called when a sender is ready. Never rejects. */
  async run(): Promise<void> {
    if (this.#isRunning || this.isEmpty || this.#waitingFor?.isReady === false) return;
    this.#isRunning = true;
    this.#waitingFor = await drain(this.#spill, this.#target);
    this.#isRunning = false;
    for (const resolve of this.#afterRun.splice(0)) resolve();
    this.#waitingFor?.turn();
  }

  /** Resolves when the spill is empty. */
  async emptied(): Promise<void> {
    while (!this.isEmpty) {
      await new Promise<void>((resolve) => {
        this.#afterRun.push(resolve);
      });
    }
  }
}
