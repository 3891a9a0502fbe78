/** The way into the checks' queue for the agent's own service checks. */
import { randomBytes } from "node:crypto";
import { counterName, type Store } from "@chouette-iot/queue";
import type { ServiceCheck } from "@chouette-iot/record";
import { writerId } from "./ready-ids.js";

/** Stores this, or rejects if the store does. */
export type WriteCheck = (check: ServiceCheck) => Promise<void>;

export function checkWriter(store: Store, queue: string): WriteCheck {
  // Of this process alone: one that was started a moment ago may have left ids of the same second.
  const process = randomBytes(4).toString("hex");
  let written = 0;
  return async (check) => {
    written += 1;
    const id = writerId("self", process, written);
    await store.settle({
      add: [{ queue, records: [{ score: check.timestamp, id, value: JSON.stringify(check) }] }],
      count: new Map([[counterName(queue, "accepted"), 1]]),
    });
  };
}
