/** An output whose calls are watched by a loop's watchdog, which detects one that never ends. */
import { milliseconds } from "@chouette-iot/record";
import { MAX_REQUEST } from "../outputs/http.js";
import type { Output } from "../outputs/output.js";
import { type LoopWatchdog, MAX_STEP } from "../runtime/watchdog.js";

/** Deadline of a call. A batch is posted once or, if the key was replaced, twice. */
export const MAX_BATCH = milliseconds(2 * MAX_REQUEST + MAX_STEP);

export function watchedOutput<T>(output: Output<T>, watchdog: LoopWatchdog): Output<T> {
  const { resume } = output;
  return {
    ...(resume && { resume: watchdog.watched((store, signal) => resume(store, signal), MAX_BATCH) }),
    send: watchdog.watched((batch, signal, places) => output.send(batch, signal, places), MAX_BATCH),
    check: watchdog.watched((signal) => output.check(signal), MAX_BATCH),
    close: () => output.close(),
  };
}
