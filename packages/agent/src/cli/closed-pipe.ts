/**
 * Handles a closed standard output, as in `chouette collect host | head -1`.
 *
 * A command exits silently, the agent shuts down as on SIGTERM.
 */

/** Calls `end` when standard output is found closed. Throws its other errors. */
export function onClosedPipe(end: () => void): void {
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code !== "EPIPE") throw error;
    end();
  });
}
