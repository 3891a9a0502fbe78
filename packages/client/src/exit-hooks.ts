/**
 * What clients do at the end of the process.
 *
 * Promises: one listener a process for each kind of end, however many clients there are, and none without a client. A
 * signal that the program handles itself is left to it; any other ends the process, as it would have without us. Listeners
 * that only wait for the end don't count as handling it: those of `signal-exit` (execa, ora, write-file-atomic), and those of
 * another copy of this client, which ends the process if it is the last to be ready.
 */

export interface ExitHooks {
  /** The program has nothing left to do. */
  beforeExit(): void;
  /** The process ends now: only synchronous work is possible. */
  exit(): void;
  /** SIGTERM or SIGINT: resolves when the process may end. Without it, this client ignores signals. */
  readonly signal: (() => Promise<unknown>) | undefined;
}

type SignalListener = (signal: NodeJS.Signals) => Promise<void>;

const registered = new Set<ExitHooks>();
const SIGNALS = ["SIGTERM", "SIGINT"] as const;
/** On the signal listeners of every copy of this client. */
const MARK = Symbol.for("chouette-iot-client.signal-listener");

/** @returns a function that removes the hooks */
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
  // Before the program's listeners: those added by `once` are gone when they have run, and must be seen.
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
    // Node calls no exit listeners for a signal.
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
