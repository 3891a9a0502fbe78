/** DogStatsD as a whole, on a real socket and a store in memory. */
import { createSocket } from "node:dgram";
import { queueNames } from "@chouette-iot/queue";
import { MemoryStore } from "@chouette-iot/queue/memory";
import { decodeEvent, decodeRawMetric, decodeServiceCheck } from "@chouette-iot/record";
import { expect, it } from "vitest";
import { cleanUpsAfterEach } from "../../../../../tests/support/clean-ups.js";
import { until } from "../../../../../tests/support/until.js";
import { systemClock } from "../../runtime/clock.js";
import type { Log } from "../../runtime/log.js";
import { startStatsd } from "./listener.js";

const log: Log = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };
const cleanUps = cleanUpsAfterEach();

async function start(options: Partial<Parameters<typeof startStatsd>[0]> = {}) {
  const [store, queues] = [new MemoryStore(), queueNames()];
  const statsd = await startStatsd({
    addresses: [{ kind: "udp", host: "127.0.0.1", port: 0 }],
    retries: true,
    withOrigin: false,
    signedGaugesAreSteps: false,
    targets: [{ store, queues }],
    clock: systemClock,
    log,
    ...options,
  });
  let closing: Promise<void> | undefined;
  const close = () => {
    closing ??= statsd.close();
    return closing;
  };
  cleanUps.push(close);
  const values = async (queue: string) =>
    (await store.read(queue, { limit: 100 })).map(({ value }) => value ?? "");
  return { statsd: { ...statsd, close }, store, queues, values };
}

async function send(statsd: Awaited<ReturnType<typeof startStatsd>>, ...packets: readonly string[]) {
  const { sockets } = await statsd.status();
  const port = Number(/:(\d+)$/.exec(sockets[0]?.address ?? "")?.[1]);
  const sender = createSocket("udp4");
  for (const packet of packets)
    await new Promise((resolve) => sender.send(packet, port, "127.0.0.1", resolve));
  sender.close();
}

it("stores metrics, events and checks in their queues, counts them, and shows the last invalid line", async () => {
  const { statsd, queues, values } = await start();
  const before = Date.now() / 1000;
  await send(
    statsd,
    "calls:2|c|#a:b\ncalls:3|c|#a:b",
    "_e{5,3}:Title|two|#c:d",
    "\n\r\n_sc|db.up|2|m:gone\n\n",
    "bad\x1b[31m",
  );
  await until("all to arrive", async () => (await statsd.status()).counters.packets === 4);
  await statsd.close();
  const [metric] = (await values(queues.rawMetrics)).map((value) => decodeRawMetric(value));
  expect(metric).toMatchObject({ ok: true, value: { metric: "calls", type: "count", value: 5 } });
  const [event] = (await values(queues.events)).map((value) => decodeEvent(value));
  expect(event).toMatchObject({ ok: true, value: { title: "Title", text: "two", tags: ["c:d"] } });
  const [check] = (await values(queues.checks)).map((value) => decodeServiceCheck(value));
  expect(check).toMatchObject({ ok: true, value: { check: "db.up", status: 2, message: "gone", tags: [] } });
  const times = [event?.ok && event.value.date_happened, check?.ok && check.value.timestamp];
  for (const time of times) expect(Math.abs(Number(time) - before)).toBeLessThan(60);
  const { counters, lastInvalid } = await statsd.status();
  expect(counters).toMatchObject({
    values: 2,
    events: 1,
    serviceChecks: 1,
    invalidLines: 1,
    stored: 3,
    dropped: 0,
  });
  expect(lastInvalid).toEqual({ line: "bad\ufffd[31m", reason: "no name:value|type" });
});

it("refuses bad events and checks, each alone", async () => {
  const { statsd, queues, values } = await start({ withOrigin: true });
  await send(statsd, "_e{1,1}:T|\n_e{1,1}:T|x|c:ci-abc\n_sc|db.up|9\n_sc|db.up|0|c:ci-abc");
  await until("all to arrive", async () => (await statsd.status()).counters.packets === 1);
  await statsd.close();
  const { counters } = await statsd.status();
  expect(counters).toMatchObject({ events: 1, serviceChecks: 1, invalidLines: 2 });
  for (const queue of [queues.events, queues.checks])
    expect((await values(queue)).map((value) => JSON.parse(value).tags)).toEqual([["container_id:abc"]]);
});

it("has an outage for its records and for each socket", async () => {
  const other = createSocket("udp4");
  cleanUps.push(() => other.close());
  await new Promise<void>((resolve) => other.bind(0, "127.0.0.1", resolve));
  const { port } = other.address();
  const { statsd } = await start({
    addresses: [
      { kind: "tcp", host: "127.0.0.1", port: 0 },
      { kind: "udp", host: "127.0.0.1", port },
    ],
  });
  expect(statsd.outages.map((outage) => outage.isOn)).toEqual([false, false, true]);
  const { sockets } = await statsd.status();
  expect(sockets).toEqual([
    {
      address: expect.stringMatching(/^tcp:\/\/127\.0\.0\.1:\d+$/),
      error: undefined,
      kernelDrops: undefined,
    },
    {
      address: `udp://127.0.0.1:${port}`,
      error: expect.stringContaining("EADDRINUSE"),
      kernelDrops: undefined,
    },
  ]);
});

it("forgets the markers of processes that were killed over a day ago when it starts", async () => {
  const store = new MemoryStore();
  const seconds = Math.floor(Date.now() / 1000);
  await store.settle({
    state: new Map([
      ["statsd:old", `1 ${seconds - 86_410}`],
      ["statsd:recent", `1 ${seconds - 86_390}`],
      ["another", "1 1"],
    ]),
  });
  await start({ targets: [{ store, queues: queueNames() }] });
  await until("the old one to be gone", async () => !(await store.stateWithPrefix("")).has("statsd:old"));
  expect([...(await store.stateWithPrefix("")).keys()].sort()).toEqual(["another", "statsd:recent"]);
});

it("stores at most 2,000 series of a second, and what is beyond as one", async () => {
  const { statsd, store, queues } = await start();
  const lines = Array.from({ length: 2_003 }, (_, id) => `calls:1|c|#id:${id}`);
  await send(statsd, lines.slice(0, 1_000).join("\n"), lines.slice(1_000).join("\n"));
  await until("all to arrive", async () => (await statsd.status()).counters.values === lines.length);
  await statsd.close();
  const records = await store.read(queues.rawMetrics, { limit: 10_000 });
  // A new second may begin between the two packets.
  expect(records.length).toBeLessThanOrEqual(2_003);
  const { counters } = await statsd.status();
  if (records.length < 2_003) expect([records.length, counters.overflowed]).toEqual([2_001, 3]);
});
