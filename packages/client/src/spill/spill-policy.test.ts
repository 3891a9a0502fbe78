/** What moves from memory to the spill, and what a disk that refuses changes. */
import { mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { newFolder } from "../../../../tests/support/folders.js";
import { type RespServer, startRespServer } from "../../../../tests/support/resp-server.js";
import { until } from "../../../../tests/support/until.js";
import { BATCH_RECORDS } from "../batch.js";
import { readSettings } from "../options.js";
import { Outbox } from "../outbox.js";
import { Senders } from "../senders.js";
import { NOBODY } from "./owner.js";
import { Spill } from "./spill.js";
import { SpillPolicy } from "./spill-policy.js";

let server: RespServer;
let parent: Awaited<ReturnType<typeof newFolder>>;
let folder: string;
let outbox: Outbox;
let senders: Senders;
let spill: Spill;
let policy: SpillPolicy;
let errors: string[];

beforeEach(async () => {
  server = await startRespServer();
  parent = await newFolder();
  folder = join(parent.path, "spill");
  errors = [];
});
afterEach(async () => {
  policy.takeAll();
  senders.close();
  await server.stop();
  await parent.remove();
});

function start(): void {
  const nothing = () => {};
  const settings = readSettings({ port: server.port, answerTimeoutMs: 3_600_000 }, {}, nothing);
  outbox = new Outbox(settings, {
    onWaiting: (queue, full) => senders.wake(queue, full),
    onOverflow: nothing,
  });
  spill = new Spill({ folder, maxBytes: 1e9 }, "me", {
    onError: nothing,
    onSpillDropped: nothing,
    onRecovered: nothing,
  });
  senders = new Senders({
    settings,
    clientId: "me",
    outbox,
    spill,
    shards: undefined,
    listener: { onConnected: nothing, onDisconnected: nothing, onRefused: nothing, onStored: nothing },
  });
  policy = new SpillPolicy(spill, outbox, senders, ({ message }) => void errors.push(message));
}

function add(queue: string, records = 1): Promise<boolean> {
  let answer = Promise.resolve(false);
  for (let record = 0; record < records; record++) answer = outbox.addText(queue, `{"n":${record}}`, "1");
  return answer;
}

function sealed(queue: string, records = 1) {
  void add(queue, records);
  outbox.sealAll();
  const batch = outbox.take();
  if (batch === undefined) throw new Error("nothing to take");
  return batch;
}

test("a batch is written under the name of its queue without shards", async () => {
  server.fault = () => "cut";
  start();
  expect(policy.take(sealed("chouette:{3}:metrics:raw", 2))).toBe(true);
  const read = await spill.read();
  expect(read?.batches.map(({ rows }) => [rows.queue, rows.values])).toEqual([
    ["chouette:metrics:raw", ['{"n":0}', '{"n":1}']],
  ]);
});

test("after a second without a broker everything in memory is spilled; what is younger a second later", async () => {
  server.fault = () => "cut";
  start();
  const first = add("q", BATCH_RECORDS + 1);
  await until("the first records to be spilled", () => outbox.records === 0);
  expect([spill.records, outbox.records, await first]).toEqual([BATCH_RECORDS + 1, 0, false]);
  void add("q");
  expect([spill.records, outbox.records]).toEqual([BATCH_RECORDS + 1, 1]);
});

test("at the end everything is spilled, in doubt or not, and left for others", async () => {
  server.fault = ({ args }) => (args[0] === "EXEC" ? "hold" : undefined);
  start();
  const answers = [add("a", BATCH_RECORDS), add("b", 3)];
  await until("the batch to be sent", () => server.commands(1).includes("EXEC"));
  answers.push(add("c", 2));
  policy.takeAll();
  expect([await Promise.all(answers), outbox.records]).toEqual([[false, false, false], 0]);
  expect(spill.records).toBe(BATCH_RECORDS + 5);
  const read = await spill.read();
  expect(read?.batches.map(({ doubt }) => doubt?.sequence)).toEqual(["1", "2", undefined]);
  expect(read?.segment.path).toContain(`.${NOBODY}.`);
});

test("a disk that refuses isn't tried again with each batch, only at the end", async () => {
  server.fault = () => "cut";
  mkdirSync(parent.path, { recursive: true });
  writeFileSync(folder, "a file in the way");
  start();
  const batches = [sealed("a"), sealed("b")];
  expect(batches.map((batch) => policy.take(batch))).toEqual([false, false]);
  expect([errors.length, outbox.records]).toEqual([1, 2]);
  rmSync(folder);
  // It has room now, which is found out later.
  expect(policy.take(sealed("c"))).toBe(false);
  for (const batch of batches) outbox.putBack(batch);
  policy.takeAll();
  expect([spill.records, errors.length, readdirSync(folder).length]).toEqual([2, 1, 1]);
});
