/**
 * What clients do at the end of the process.
 *
 * Promises: one listener a process for each kind of end, however many clients there are, and none without a client. A
 * signal that the program handles itself is left to it; any other ends the process, as it would have without us.
 */

export interface ExitHooks {
  /** The program has nothing left to do. */
  beforeExit(): void;
  /** The process ends now: only synchronous work is possible. */
  exit(): void;
  /** SIGTERM or SIGINT: resolves when the process may end. Without it, this client ignores signals. */
  readonly signal: (() => Promise<unknown>) | undefined;
}

const registered = new Set<ExitHooks>();
const SIGNALS = ["SIGTERM", "SIGINT"] as const;

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
  for (const signal of SIGNALS) process.off(signal, onSignal);
  if (![...registered].some(({ signal }) => signal !== undefined)) return;
  for (const signal of SIGNALS) process.on(signal, onSignal);
}

async function onSignal(signal: NodeJS.Signals): Promise<void> {
  const isHandledElsewhere = process.listenerCount(signal) > 1;
  await Promise.allSettled([...registered].map((hooks) => hooks.signal?.()));
  if (isHandledElsewhere) return;
  // Ends with this very signal, after the exit hooks have run: Node calls no exit listeners for a signal.
  onExit();
  for (const each of SIGNALS) process.off(each, onSignal);
  process.kill(process.pid, signal);
}
