import { queueNames, shardNamespace } from "@chouette-iot/queue";
import { seconds } from "@chouette-iot/record";
import { expect, it } from "vitest";
import type { QueueStatus } from "./queues.js";
import { plainName, queueKind, sumOfQueues, sumOfWireUse } from "./sums.js";

const ledger = {
  accepted: 3,
  done: { aggregated: 1 },
  pending: 2,
  dropped: {},
  missing: 0,
  unknownLosses: 0,
};
const queue = (name: string, oldestAge?: number): QueueStatus => ({
  name,
  ledger: { ...ledger, dropped: { rejected: 1 } },
  oldestAge: oldestAge === undefined ? undefined : seconds(oldestAge),
});

it("a queue of each shard is one queue, with the age of the oldest record of any", () => {
  const [first, second] = [0, 1].map((shard) => queueNames(shardNamespace(shard)).rawMetrics);
  const sums = sumOfQueues([
    [queue(first ?? "", 5)],
    [queue(second ?? "", 7)],
    [queue(queueNames().rawMetrics)],
  ]);
  expect(sums).toEqual([
    {
      name: "chouette:metrics:raw",
      ledger: { ...ledger, accepted: 9, done: { aggregated: 3 }, pending: 6, dropped: { rejected: 3 } },
      oldestAge: 7,
    },
  ]);
});

it("a store without shards is shown as it is", () => {
  const queues = [queue("chouette:metrics:raw", 1), queue("any")];
  expect(sumOfQueues([queues])).toBe(queues);
});

it("bytes on the wire are summed by destination and purpose", () => {
  const use = { destination: "api", purpose: "metrics", sent: 1, received: 2 };
  const month = [use, { ...use, purpose: "logs" }];
  expect(
    sumOfWireUse([
      { today: [], month },
      { today: [use], month: [use] },
    ]),
  ).toEqual({
    today: [use],
    month: [
      { ...use, sent: 2, received: 4 },
      { ...use, purpose: "logs" },
    ],
  });
});

it("every queue has a kind and a plain name, of whichever shard", () => {
  for (const [kind, name] of Object.entries(queueNames(shardNamespace(7)))) {
    expect(queueKind(name)).toBe(kind);
    expect(plainName(name)).toBe(name.replace(":{7}", ""));
  }
  expect(queueKind("chouette:format")).toBeUndefined();
});
