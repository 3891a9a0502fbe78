/** Waits for the end of a long-running command. */
import { onClosedPipe } from "./closed-pipe.js";

/** Why a long-running command has to end. */
export type EndReason = NodeJS.Signals | "stdout closed";

/** Resolves with the first SIGTERM or SIGINT, or once standard output is closed. A second signal kills the process. */
export function endSignal(): Promise<EndReason> {
  return new Promise((resolve) => {
    process.once("SIGTERM", resolve);
    process.once("SIGINT", resolve);
    onClosedPipe(() => resolve("stdout closed"));
  });
}
