/**
 * Hooks of clients into the end of the process.
 *
 * Promises: one listener per process for each kind of exit, however many clients there are, and none without a client. A
 * signal that the program handles itself is left to the program; any other ends the process, as it would without us.
 * Listeners that only observe the exit don't count as handling it: those of `signal-exit` (execa, ora, write-file-atomic) and
 * those of other copies of this client, of which the last to finish ends the process.
 */

export interface ExitHooks {
  /** The program has nothing left to do. */
  beforeExit(): void;
  /** The process exits now: only synchronous work is possible. */
  exit(): void;
  /** SIGTERM or SIGINT: resolves when the process may end. Undefined if the client ignores signals. */
  readonly signal: (() => Promise<unknown>) | undefined;
}

type SignalListener = (signal: NodeJS.Signals) => Promise<void>;

const registered = new Set<ExitHooks>();
const SIGNALS = ["SIGTERM", "SIGINT"] as const;
/** Marks the signal listeners of every copy of this client. */
const MARK = Symbol.for("chouette-iot-client.signal-listener");

/** Registers hooks. @returns a function that removes them */
export function onProcessExit(hooks: ExitHooks): () => void {
  if (registered.size === 0) {
    process.on("beforeExit", onBeforeExit);
    process.on("exit", onExit);
  }
  registered.add(hooks);
  listenToSignals();
  return () => {
    registered.delete(hooks);
    listenToSignals();
    if (registered.size > 0) return;
    process.off("beforeExit", onBeforeExit);
    process.off("exit", onExit);
  };
}

function onBeforeExit(): void {
  for (const hooks of registered) hooks.beforeExit();
}

function onExit(): void {
  for (const hooks of registered) hooks.exit();
}

function listenToSignals(): void {
  stopListening();
  if (![...registered].some(({ signal }) => signal !== undefined)) return;
  // Before the program's listeners: those added by `once` are removed when they run, and must be counted.
  for (const signal of SIGNALS) process.prependListener(signal, onSignal);
}

function stopListening(): void {
  for (const signal of SIGNALS) process.off(signal, onSignal);
}

const onSignal: SignalListener = Object.assign(
  async (signal: NodeJS.Signals): Promise<void> => {
    const isHandledElsewhere = process.listenerCount(signal) > passiveListeners(signal);
    await Promise.allSettled([...registered].map((hooks) => hooks.signal?.()));
    if (isHandledElsewhere) return;
    // Node doesn't call exit listeners after a signal.
    onExit();
    stopListening();
    // Another copy is still sending: it ends the process.
    if (ourListeners(signal) > 0) return;
    process.kill(process.pid, signal);
  },
  { [MARK]: true },
);

function passiveListeners(signal: NodeJS.Signals): number {
  return ourListeners(signal) + signalExitListeners();
}

function ourListeners(signal: NodeJS.Signals): number {
  return process.listeners(signal).filter((listener) => MARK in listener).length;
}

/** `signal-exit` publishes how often it listens to each signal: version 4 under a global symbol, version 3 on the process. */
function signalExitListeners(): number {
  const four: unknown = Reflect.get(globalThis, Symbol.for("signal-exit emitter"));
  const three: unknown = Reflect.get(process, "__signal_exit_emitter__");
  return countOf(four) + countOf(three);
}

function countOf(emitter: unknown): number {
  const isCounting = typeof emitter === "object" && emitter !== null && "count" in emitter;
  return isCounting && typeof emitter.count === "number" ? emitter.count : 0;
}
