/**
 * Ends a command on a signal or a closed standard output, as in `chouette collect host | head -1`.
 *
 * Most commands exit silently; the agent, the intake and the demo shut down as on SIGTERM.
 */

/** Why a long-running command has to end. */
type EndReason = NodeJS.Signals | "stdout closed";

/** Resolves with the first SIGTERM or SIGINT, or once standard output is closed. The same signal again kills the process. */
export function endSignal(): Promise<EndReason> {
  return new Promise((resolve) => {
    process.once("SIGTERM", resolve);
    process.once("SIGINT", resolve);
    onClosedPipe(() => resolve("stdout closed"));
  });
}

/** Calls `end` when standard output is found closed. Throws its other errors. */
export function onClosedPipe(end: () => void): void {
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code !== "EPIPE") throw error;
    end();
  });
}
