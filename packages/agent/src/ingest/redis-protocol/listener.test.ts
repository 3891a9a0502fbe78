/** The broker's own work: its markers, its log, its start and end. */
import { openScratchStore } from "@chouette-iot/queue/embedded/scratch";
import { milliseconds } from "@chouette-iot/record";
import { afterEach, expect, it, vi } from "vitest";
import { cleanUpsAfterEach } from "../../../../../tests/support/clean-ups.js";
import { ManualClock } from "../../../../../tests/support/manual-clock.js";
import { ask, connectRaw, request } from "../../../../../tests/support/raw-redis.js";
import { until } from "../../../../../tests/support/until.js";
import type { Log } from "../../runtime/log.js";
import { type BrokerOptions, startBroker } from "./listener.js";

const MARKER = "chouette:client:a";
const cleanUps = cleanUpsAfterEach();

afterEach(() => vi.useRealTimers());

async function start(options: Partial<BrokerOptions> = {}) {
  const clock = new ManualClock(Date.now());
  const store = options.store ?? (await openScratchStore());
  cleanUps.push(() => store.close());
  const warnings: unknown[][] = [];
  const warn = (...args: readonly unknown[]) => void warnings.push([...args]);
  const log: Log = { debug: () => {}, info: () => {}, warn, error: warn };
  const broker = await startBroker({ host: "127.0.0.1", port: 0, clock, log, ...options, store });
  let closing: Promise<void> | undefined;
  const close = () => {
    closing ??= broker.close();
    return closing;
  };
  cleanUps.push(close);
  return { ...broker, close, port: broker.address.port, store, clock, warnings };
}

it("knows whether it ever had a client", async () => {
  const without = await start();
  await without.close();
  expect(await without.firstClient).toBe(false);
  const visited = await start();
  await ask(visited.port, request("PING"));
  expect(await visited.firstClient).toBe(true);
});

it("closes the connections that have nothing to do, and accepts no other, when it is closed", async () => {
  const { close, port, counters } = await start();
  const idle = await connectRaw(port);
  await until("it to be accepted", () => counters.connections === 1);
  await close();
  expect(await idle.closed).toBe("");
  await expect(connectRaw(port)).rejects.toThrow(/ECONNREFUSED/);
});

it("deletes expired markers when it starts and every ten minutes, again if the store refused it", async () => {
  vi.useFakeTimers({ toFake: ["setInterval", "clearInterval"] });
  const store = await openScratchStore();
  const expired = `${Date.now() - 1} old`;
  await store.write(
    [],
    new Map([
      ["chouette:client:old", expired],
      ["chouette:other", expired],
    ]),
  );
  const { port, clock, warnings } = await start({ store });
  const kept = async () => [...(await store.stateWithPrefix("chouette:")).keys()].sort();
  await until("the expired one to be gone", async () => (await kept()).length === 1);
  expect(await kept()).toEqual(["chouette:other"]);

  await ask(port, request("SET", MARKER, "1", "EX", "60"));
  vi.advanceTimersByTime(600_000);
  await clock.advance(59_999);
  vi.advanceTimersByTime(600_000);
  expect(await kept()).toEqual([MARKER, "chouette:other"]);
  await clock.advance(1);
  vi.advanceTimersByTime(599_999);
  expect(await kept()).toEqual([MARKER, "chouette:other"]);
  const settle = store.settle.bind(store);
  store.settle = () => Promise.reject(new Error("no space"));
  vi.advanceTimersByTime(1);
  await until("a warning", () => warnings.length === 1);
  expect(warnings[0]?.[1]).toMatch(/expired markers .* couldn't be deleted/);
  store.settle = settle;
  vi.advanceTimersByTime(600_000);
  await until("it to be gone", async () => (await kept()).length === 1);
});

it("warns once a minute of connections that were refused meanwhile, with their number", async () => {
  vi.useFakeTimers({ toFake: ["setInterval", "clearInterval"] });
  const { port, warnings, counters } = await start({ maxConnections: 1 });
  const busy = await connectRaw(port);
  await until("it to be accepted", () => counters.connections === 1);
  const refuse = () => ask(port, request("PING"));
  await refuse();
  await refuse();
  vi.advanceTimersByTime(59_999);
  expect(warnings).toEqual([]);
  vi.advanceTimersByTime(1);
  const counted = { closedForMemory: 0, loginTimeouts: 0, refusedConnections: 2, deniedConnections: 0 };
  expect(warnings).toEqual([[counted, expect.stringContaining("were closed or refused")]]);
  vi.advanceTimersByTime(60_000);
  expect(warnings).toHaveLength(1);
  await refuse();
  vi.advanceTimersByTime(60_000);
  expect(warnings[1]?.[0]).toEqual({ ...counted, refusedConnections: 1 });
  busy.socket.destroy();
});

it("holds an eighth of its memory for those without a login", async () => {
  const { port, counters, memory } = await start({
    memoryBytes: 80_000,
    password: "secret",
    loginTimeout: milliseconds(60_000),
  });
  const half = (length: number) => `*2\r\n$4\r\nAUTH\r\n$16384\r\n${"x".repeat(length)}`;
  const client = await connectRaw(port);
  client.send(half(9_000));
  await until("it to be held", () => memory().unauthenticated > 9_000);
  expect(counters.closedForMemory).toBe(0);
  client.send("x".repeat(1_500));
  expect(await client.closed).toMatch(/^-ERR closed: /);
  expect([counters.closedForMemory, memory().unauthenticated]).toEqual([1, 0]);
});
