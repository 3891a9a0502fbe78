/** What Datadog would accept and throw away isn't sent for nothing, and is counted. */
import { MemoryStore } from "@chouette-iot/queue/memory";
import { milliseconds, seconds } from "@chouette-iot/record";
import { expect, it } from "vitest";
import type { Output } from "../outputs/output.js";
import { systemClock } from "../runtime/clock.js";
import { Dispatcher } from "./dispatcher.js";
import { SentBytes } from "./sent-bytes.js";

const QUEUE = "ready";
const NOW = 1_800_000_000;

it.each([
  [3_600, { "ready:expired": 1, "ready:too_old": 2, "ready:delivered": 2 }],
  [undefined, { "ready:expired": 1, "ready:delivered": 4 }],
])("older than %s s is dropped as too old, and all add up", async (maxAge, expected) => {
  const store = new MemoryStore();
  const clock = { ...systemClock, now: () => milliseconds(1000 * NOW) };
  const output: Output<string> = {
    send: async () => ({ kind: "delivered", bytes: 1 }),
    check: async () => ({ kind: "delivered", bytes: 0 }),
    close: async () => {},
  };
  const dispatcher = new Dispatcher({
    ...{ store, queue: QUEUE, rejectedQueue: "rejected", output, clock, batchSize: 10 },
    decode: (value) => ({ ok: true, value }),
    sendPolicy: () => true,
    sentBytes: new SentBytes(store, clock),
    ttl: seconds(14_400),
    maxAge: maxAge === undefined ? undefined : seconds(maxAge),
    fresh: seconds(100),
  });
  const ages = [10, 3_600, 3_601, 14_400, 14_401];
  await store.append(
    QUEUE,
    ages.map((age) => ({ score: NOW - age, id: `${age}`, value: `${age}` })),
  );
  await dispatcher.dispatch();
  expect(Object.fromEntries(await store.counters())).toEqual(expected);
  expect(await store.size(QUEUE)).toBe(0);
});
