/**
 * What happens when the reader of our standard output goes away, as in `chouette collect host | head -1`.
 *
 * A command ends quietly: nobody is left to read its output. The agent ends in order, as on SIGTERM.
 */

/** Calls this once, when standard output turns out to be closed. Other errors of it remain errors. */
export function onClosedPipe(end: () => void): void {
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code !== "EPIPE") throw error;
    end();
  });
}
