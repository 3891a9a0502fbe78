/** Resolves with the first SIGTERM or SIGINT; the second ends the process as if nobody listened. */
export function endSignal(): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    process.once("SIGTERM", resolve);
    process.once("SIGINT", resolve);
  });
}
