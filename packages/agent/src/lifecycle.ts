/**
 * Decides which pipeline runs: one state machine for changed settings, the lease and the shutdown.
 *
 *     reload ────────────► newest settings ──┐
 *     lead, follow, lost ► leadership ───────┼──► wanted ──► one transition after another ──► running
 *     stop ──────────────► stopped ──────────┘
 *
 * Events change only the wanted state, and never wait for one another. A single loop compares it with the running
 * pipeline, and stops or starts one until both agree; changes meanwhile are handled next.
 *
 * Promises: never two pipelines; none without leadership, and none after `stop`. The latest reload whose settings could
 * be opened wins, in whatever order they are opened. Opened settings are closed once, after the pipeline that uses
 * them. `stop` doesn't wait for settings that are being opened. A failed transition is reported once and leaves
 * the agent alive.
 */

export interface Stoppable {
  /** Resolves when everything in it has ended. */
  stop(): Promise<void>;
}

export interface LifecycleOptions<C, O, L extends { readonly lost: AbortSignal }, P extends Stoppable> {
  /** Opens what the settings name, such as outputs. If it rejects, everything stays as it is. */
  open(config: C): Promise<O>;
  close(opened: O): Promise<void>;
  start(leadership: L, config: C, opened: O): P;
  /** Called once for each start, stop or close that failed: some callers don't wait for the result. */
  onFailure(error: unknown): void;
}

interface Settings<C, O> {
  readonly config: C;
  readonly opened: O;
  /** Number of the reload that they came with. The highest wins. */
  readonly turn: number;
}

/** What a pipeline is started with. */
interface Work<C, O, L> {
  readonly settings: Settings<C, O>;
  readonly leadership: L;
}

export class Lifecycle<C, O, L extends { readonly lost: AbortSignal }, P extends Stoppable> {
  readonly #options: LifecycleOptions<C, O, L, P>;
  #settings: Settings<C, O>;
  /** Undefined while another agent is the leader. */
  #leadership: L | undefined;
  #isStopped = false;
  #running: (Work<C, O, L> & { readonly pipeline: P }) | undefined;
  /** A start that failed isn't tried again. */
  #failed: Work<C, O, L> | undefined;
  /** All settings that were opened and not closed. */
  readonly #open = new Set<Settings<C, O>>();
  #turns = 0;
  #settling: Promise<void> | undefined;

  constructor(config: C, opened: O, options: LifecycleOptions<C, O, L, P>) {
    this.#options = options;
    this.#settings = { config, opened, turn: 0 };
    this.#open.add(this.#settings);
  }

  /** The newest settings that could be opened. */
  get config(): C {
    return this.#settings.config;
  }

  /** The pipeline that runs; undefined while none does. */
  get pipeline(): P | undefined {
    return this.#running?.pipeline;
  }

  /**
   * Resolves when these settings, or newer ones, are in effect; with false if a transition to them failed, which has been
   * reported. Rejects if they can't be opened.
   */
  async reload(config: C): Promise<boolean> {
    this.#turns += 1;
    const turn = this.#turns;
    const settings = { config, opened: await this.#options.open(config), turn };
    this.#open.add(settings);
    if (turn > this.#settings.turn) this.#settings = settings;
    return this.#settle().then(
      () => true,
      () => false,
    );
  }

  /** Starts a pipeline, until the leadership is lost or `follow` is called. */
  lead(leadership: L): void {
    this.#leadership = leadership;
    // Failures are reported by `onFailure`.
    this.#settle().catch(() => {});
  }

  /** Resolves when no pipeline runs. */
  async follow(): Promise<void> {
    this.#leadership = undefined;
    await this.#settle();
  }

  /** Resolves when no pipeline runs and nothing is open; none runs from then on. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#settle();
  }

  #settle(): Promise<void> {
    // Started asynchronously, so that the assignment comes before the reset at its end.
    this.#settling ??= Promise.resolve().then(() => this.#makeTransitions());
    return this.#settling;
  }

  /** A failure doesn't stop the rest. There must be no `await` between the last `#next()` and the end. */
  async #makeTransitions(): Promise<void> {
    const errors: unknown[] = [];
    for (let next = this.#next(); next !== undefined; next = this.#next()) {
      try {
        await next();
      } catch (error) {
        errors.push(error);
        this.#options.onFailure(error);
      }
    }
    this.#settling = undefined;
    if (errors.length > 0) throw errors.length === 1 ? errors[0] : new AggregateError(errors);
  }

  /** The next transition towards the wanted state; undefined if there is none left. */
  #next(): (() => void | Promise<void>) | undefined {
    const wanted = this.#wanted();
    const running = this.#running;
    if (running !== undefined && !isSame(running, wanted)) return () => this.#end(running.pipeline);
    if (running === undefined && wanted !== undefined && !isSame(wanted, this.#failed))
      return () => this.#begin(wanted);
    for (const settings of this.#open) {
      if (settings !== this.#settings || this.#isStopped) return () => this.#close(settings);
    }
    return undefined;
  }

  #wanted(): Work<C, O, L> | undefined {
    const leadership = this.#leadership;
    if (this.#isStopped || leadership === undefined || leadership.lost.aborted) return undefined;
    return { settings: this.#settings, leadership };
  }

  #begin(work: Work<C, O, L>): void {
    this.#failed = work;
    const { config, opened } = work.settings;
    this.#running = { ...work, pipeline: this.#options.start(work.leadership, config, opened) };
    this.#failed = undefined;
  }

  async #end(pipeline: P): Promise<void> {
    try {
      await pipeline.stop();
    } finally {
      this.#running = undefined;
    }
  }

  async #close(settings: Settings<C, O>): Promise<void> {
    this.#open.delete(settings);
    await this.#options.close(settings.opened);
  }
}

function isSame<C, O, L>(one: Work<C, O, L>, other: Work<C, O, L> | undefined): boolean {
  return one.settings === other?.settings && one.leadership === other.leadership;
}
