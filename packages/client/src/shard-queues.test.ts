/** Which shard a record goes to, and that a spilled batch is split in the same way each time. */
import { shardOf } from "@chouette-iot/record";
import { expect, test } from "vitest";
import { ContextLookup } from "./context-lookup.js";
import { addRow, emptyRows } from "./rows.js";
import { ShardQueues } from "./shard-queues.js";

const SHARDS = 5;
const KINDS = ["logs", "events", "checks"] as const;

test("a metric goes to the shard of its name, whatever its tags and type", () => {
  const queues = new ShardQueues(SHARDS);
  const contexts = new ContextLookup();
  const used = new Set<string>();
  for (let metric = 0; metric < 50; metric++) {
    for (const [type, tags] of [
      ["count", {}],
      ["gauge", { a: "b" }],
      ["count", { a: "c" }],
    ] as const) {
      const context = contexts.lookupOrCreate(type, `m${metric}`, tags);
      if (context === undefined) throw new Error("no such context");
      const queue = queues.metrics(context);
      expect(queue).toBe(`chouette:{${shardOf(`m${metric}`, SHARDS)}}:metrics:raw`);
      expect(queues.metrics(context)).toBe(queue);
      used.add(queue);
    }
  }
  expect(used.size).toBe(SHARDS);
});

test("texts go round, batch by batch: each stays in its queue as long as that is open", () => {
  const queues = new ShardQueues(SHARDS);
  const next = (isOpen: boolean) => KINDS.map((kind) => queues.texts(kind, () => isOpen));
  const first = next(false);
  expect(first.map((queue) => queue.replace(/\{\d\}/, ""))).toEqual([
    "chouette::logs:wrapped",
    "chouette::events:wrapped",
    "chouette::checks:wrapped",
  ]);
  expect([next(true), next(true)]).toEqual([first, first]);
  const logs = Array.from({ length: SHARDS }, () => queues.texts("logs", () => false));
  expect(new Set(logs).size).toBe(SHARDS);
  const asked: string[] = [];
  queues.texts("logs", (queue) => asked.push(queue) > 0);
  expect(asked).toEqual([logs.at(-1)]);
});

test("programs begin at different shards", () => {
  const begins = Array.from({ length: 200 }, () => new ShardQueues(SHARDS).texts("logs", () => false));
  expect(new Set(begins).size).toBe(SHARDS);
});

test("a spilled batch of metrics is split by their names, each row whole; what can't be read has a shard, too", () => {
  const queues = new ShardQueues(SHARDS);
  const rows = emptyRows("chouette:metrics:raw");
  for (let row = 0; row < 60; row++) addRow(rows, `${row}.5`, `id${row}`, `{"metric":"m${row % 30}"}`);
  addRow(rows, "61", "torn", "{");
  addRow(rows, "62", "none", "null");
  const parts = queues.split(rows, 1);
  expect(parts).toHaveLength(SHARDS);
  expect(queues.split(rows, 2)).toEqual(parts);
  const all = parts.flatMap(({ queue, scores, ids, values }) =>
    ids.map((id, at) => [id, scores[at], values[at], queue]),
  );
  expect(all).toHaveLength(62);
  for (const [at, id] of rows.ids.entries()) {
    const name = at < 60 ? `m${at % 30}` : "";
    const queue = `chouette:{${shardOf(name, SHARDS)}}:metrics:raw`;
    expect(all).toContainEqual([id, rows.scores[at], rows.values[at], queue]);
  }
  // In their order, as gauges need it.
  for (const { ids } of parts) expect(ids).toEqual(rows.ids.filter((id) => ids.includes(id)));
});

test.each(KINDS)("a spilled batch of %s goes to the shard of its position as a whole", (kind) => {
  const queues = new ShardQueues(SHARDS);
  const rows = emptyRows(`chouette:${kind}:wrapped`);
  addRow(rows, "1", "id", "{}");
  for (const position of [0, 3, 7]) {
    const queue = `chouette:{${position % SHARDS}}:${kind}:wrapped`;
    expect(queues.split(rows, position)).toEqual([{ ...rows, queue }]);
  }
});
