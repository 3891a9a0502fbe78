/** An output that remembers which records it may have delivered, even if sending them seemed to fail. */
import type { Outcome, Output, Place } from "../outputs/output.js";
import type { AttemptedTimes } from "../runtime/attempted-times.js";

/** A batch is attempted unless it failed before its first byte was sent. @param attempted receives the records' times */
export function attemptedOutput<T>(output: Output<T>, attempted: AttemptedTimes): Output<T> {
  const { resume } = output;
  const remember = (places: readonly Place[]) => {
    let [from, to] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
    for (const { score } of places) {
      from = Math.min(from, score);
      to = Math.max(to, score);
    }
    if (from <= to) attempted.add(from, to);
  };
  return {
    ...(resume && { resume: (store, signal) => resume(store, signal) }),
    send: async (batch, signal, places = []) => {
      let outcome: Outcome | undefined;
      try {
        outcome = await output.send(batch, signal, places);
        return outcome;
      } finally {
        if (outcome === undefined || outcome.kind === "delivered" || outcome.bytes > 0) remember(places);
      }
    },
    check: (signal) => output.check(signal),
    close: () => output.close(),
  };
}
