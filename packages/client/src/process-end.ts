/**
 * The end of a process: what a client does then.
 *
 * Promises: one listener a process for each kind of end, however many clients there are, and none without a client. A signal
 * that the program handles itself is left to it; any other ends the process, as it would have without us.
 */

export interface LastWords {
  /** The program has nothing left to do. */
  beforeExit(): void;
  /** The process ends now: what can be done without waiting. */
  exit(): void;
  /** SIGTERM or SIGINT has come: resolves when the process may end. Without it, signals are not this client's business. */
  readonly signal: (() => Promise<unknown>) | undefined;
}

const all = new Set<LastWords>();
const SIGNALS = ["SIGTERM", "SIGINT"] as const;

/** @returns what takes it back */
export function atProcessEnd(words: LastWords): () => void {
  if (all.size === 0) {
    process.on("beforeExit", onBeforeExit);
    process.on("exit", onExit);
  }
  all.add(words);
  listenToSignals();
  return () => {
    all.delete(words);
    listenToSignals();
    if (all.size > 0) return;
    process.off("beforeExit", onBeforeExit);
    process.off("exit", onExit);
  };
}

function onBeforeExit(): void {
  for (const words of all) words.beforeExit();
}

function onExit(): void {
  for (const words of all) words.exit();
}

function listenToSignals(): void {
  for (const signal of SIGNALS) process.off(signal, onSignal);
  if (![...all].some((words) => words.signal !== undefined)) return;
  for (const signal of SIGNALS) process.on(signal, onSignal);
}

async function onSignal(signal: NodeJS.Signals): Promise<void> {
  const handledElsewhere = process.listenerCount(signal) > 1;
  await Promise.allSettled([...all].map((words) => words.signal?.()));
  if (handledElsewhere) return;
  // An exit by this signal and no other, after the exit listeners have run: nobody calls them for a signal.
  onExit();
  for (const each of SIGNALS) process.off(each, onSignal);
  process.kill(process.pid, signal);
}
