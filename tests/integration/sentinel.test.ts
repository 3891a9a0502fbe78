/**
 * Redis Sentinels name the server to use: nothing is written to a server that isn't the master, client and agent
 * survive a failover, and no count or log arrives twice.
 *
 * SENTINEL_KILLS sets how often the master is killed under load, once by default. SENTINEL_RATE sets the load in
 * records per second, SENTINEL_WAIT how many replicas the client waits for, SENTINEL_UNCOPIED_MS how long before a kill the
 * replica is cut off.
 */
import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { queueNames } from "@chouette-iot/queue";
import { RedisStore } from "@chouette-iot/queue/redis";
import { parseAddress } from "@chouette-iot/queue/resp/address";
import { MasterFinder } from "@chouette-iot/queue/resp/master-finder";
import { milliseconds } from "@chouette-iot/record";
import { ChouetteClient, type ChouetteClientOptions } from "chouette-iot-client";
import { describe, expect, it } from "vitest";
import { type AnsweredRequest, type Intake, startIntake } from "../../packages/agent/src/intake/intake.js";
import { runChouette, startAgentProcess, statusPort } from "../support/agent-process.js";
import { lookInto } from "../support/broker-records.js";
import { cleanUpsAfterEach } from "../support/clean-ups.js";
import { type Span, startNumberedLoad } from "../support/numbered-load.js";
import { CLOSED_PORT, reservedPort } from "../support/ports.js";
import { type RedisServer, startRedis } from "../support/redis-server.js";
import { MASTER, startSentinel, startWatchedServers, watching } from "../support/sentinels.js";
import { PATIENCE, until } from "../support/until.js";

const { rawMetrics } = queueNames();
const KILLS = Number(process.env.SENTINEL_KILLS ?? 1);
const WAIT_REPLICAS = Number(process.env.SENTINEL_WAIT ?? 0);
const PER_SECOND = Number(process.env.SENTINEL_RATE ?? 500);
const UNCOPIED_MS = Number(process.env.SENTINEL_UNCOPIED_MS ?? 200);

const cleanUps = cleanUpsAfterEach();
function newClient(options: ChouetteClientOptions): ChouetteClient {
  const client = new ChouetteClient({ aggregate: false, ...options });
  cleanUps.push(() => client.close({ timeoutMs: 0 }));
  return client;
}

async function newSentinel(...settings: Parameters<typeof startSentinel>) {
  const sentinel = await startSentinel(...settings);
  cleanUps.push(sentinel.stop);
  return sentinel;
}

/** A server that accepts connections and sends nothing. */
async function silentServer(): Promise<string> {
  const server = createServer(() => {});
  await once(server.listen(0, "127.0.0.1"), "listening");
  const sockets = new Set<{ destroy(): void }>();
  server.on("connection", (socket) => sockets.add(socket));
  cleanUps.push(async () => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

describe("the Sentinels", () => {
  const finder = (servers: readonly string[], master = MASTER) =>
    new MasterFinder(parseAddress(`redis+sentinel://${servers.join(",")}/${master}`));

  it("are asked in turn, the one that answered first, and one that is behind only if no other knows better", async () => {
    const behind = await newSentinel([...watching(CLOSED_PORT), `sentinel config-epoch ${MASTER} 3`]);
    const current = await newSentinel([...watching(CLOSED_PORT + 1), `sentinel config-epoch ${MASTER} 4`]);
    const master = finder([
      await silentServer(),
      `127.0.0.1:${CLOSED_PORT}`,
      current.address,
      behind.address,
    ]);
    expect(await master.find()).toMatchObject({ host: "127.0.0.1", port: CLOSED_PORT + 1 });
    const started = performance.now();
    expect(await master.find()).toMatchObject({ port: CLOSED_PORT + 1 });
    expect(await master.hasFailedOver()).toBe(false);
    // It doesn't wait for the silent one again.
    expect(performance.now() - started).toBeLessThan(900);
    const late = finder([behind.address, current.address]);
    expect(await late.find()).toMatchObject({ port: CLOSED_PORT });
    late.distrust();
    expect(await late.hasFailedOver()).toBe(true);
    expect(await late.find()).toMatchObject({ port: CLOSED_PORT + 1 });
    late.distrust();
    expect(await late.find()).toMatchObject({ port: CLOSED_PORT + 1 });
    await current.stop();
    expect(await late.find()).toMatchObject({ port: CLOSED_PORT });
  });

  it("that don't know the master, want a password or aren't there are named in the error, without a password", async () => {
    const guarded = await newSentinel([...watching(CLOSED_PORT), "requirepass secret"]);
    const failure = (url: string) =>
      new MasterFinder(parseAddress(url)).find().then(
        () => "",
        ({ message }: Error) => message,
      );
    const place = `${guarded.address},127.0.0.1:${CLOSED_PORT}`;
    const error = await failure(`redis+sentinel://user:secret@${place}/other?sentinel_password=secret`);
    expect(error).toMatch(
      /^no Sentinel names the master other: .*knows no master of this name; .*ECONNREFUSED/,
    );
    expect(await failure(`redis+sentinel://:secret@${place}/${MASTER}`)).toMatch(/NOAUTH/);
    expect(await failure(`redis+sentinel://${place}/${MASTER}?sentinel_password=wrong`)).toMatch(/WRONGPASS/);
    expect(await failure(`redis+sentinel://${place}/${MASTER}?sentinel_password=secret`)).toBe("");
    expect(error).not.toContain("secret");
  });
});

it("nothing is stored on a server that is no master, nor on one that is demoted, and all is stored once later", async () => {
  const other = await startRedis();
  const server = await startRedis(["--replicaof", "127.0.0.1", `${other.port}`]);
  cleanUps.push(other.stop, server.stop);
  const place = `127.0.0.1:${server.port}`;
  const sentinel = await newSentinel(watching(server.port));
  const errors: string[] = [];
  const store = new RedisStore({
    url: `redis+sentinel://${sentinel.address}/${MASTER}`,
    onDisconnected: ({ message }) => errors.push(message),
    patience: { pingInterval: milliseconds(200) },
  });
  cleanUps.push(() => store.close());
  const client = newClient({ sentinels: { servers: [sentinel.address], master: MASTER } });
  const answer = client.count("m", 1);
  await until("the refusal", () => errors.length > 1 && client.stats().lastError !== undefined);
  expect(await answer).toBe(false);
  expect(errors.filter((error) => !error.includes("it is no master but a replica"))).toEqual([]);
  expect(client.stats().lastError?.message).toBe(`Redis at ${place}: it is no master but a replica`);
  const { command, close } = await lookInto(server.url);
  cleanUps.push(close);
  await command("REPLICAOF", "NO", "ONE");
  await until("the record", () => client.stats().stored === 1);
  await until("the store", async () => (await store.size(rawMetrics)) === 1);
  expect(store.server).toBe(place);
  const doctor = runChouette(["doctor"], {
    REDIS_SENTINELS: sentinel.address,
    REDIS_SENTINEL_MASTER: MASTER,
  });
  await doctor.ended;
  expect(doctor.output()).toContain(`${MASTER} (Sentinels ${sentinel.address}) is ${place} now`);
  // Demoted without being asked to drop its clients.
  await command("REPLICAOF", "127.0.0.1", `${CLOSED_PORT}`);
  const records = [{ id: "a", score: 1, value: "{}" }];
  await expect(store.append(rawMetrics, records)).rejects.toThrow(/READONLY/);
  await client.count("m", 1);
  expect(client.stats().lastError?.message).toMatch(/READONLY|no master/);
  const settling = store.settle({ count: new Map([["n", 1]]) });
  await expect(settling).rejects.toThrow(/unavailable/);
  await command("REPLICAOF", "NO", "ONE");
  await until("the second record", () => client.stats().stored === 2);
  expect(client.stats().disconnections).toBe(1);
  await until("the store", async () => (await store.size(rawMetrics)) === 2);
});

it("a master that still answers is given up once a Sentinel names another one", async () => {
  const [former, current] = [await startRedis(), await startRedis()];
  cleanUps.push(former.stop, current.stop);
  const failedOver = (server: RedisServer, failover: number) => [
    ...watching(server.port),
    `sentinel config-epoch ${MASTER} ${failover}`,
  ];
  const behind = await newSentinel(failedOver(former, 1));
  const later = await reservedPort();
  const servers = `${behind.address},127.0.0.1:${later}`;
  const connected: string[] = [];
  const store = new RedisStore({
    url: `redis+sentinel://${servers}/${MASTER}`,
    onConnected: (server) => connected.push(server),
    patience: { pingInterval: milliseconds(100) },
  });
  cleanUps.push(() => store.close());
  await until("the former master", () => connected.length === 1);
  await newSentinel(failedOver(current, 2), later);
  await behind.stop();
  await until("the other one", () => connected.length === 2);
  expect(connected).toEqual([former, current].map(({ port }) => `127.0.0.1:${port}`));
  expect(store.server).toBe(connected[1]);
});

it("with waitReplicas a record is stored once a replica has copied it, and once", async () => {
  const master = await startRedis(["--repl-diskless-sync-delay", "0"]);
  const replica = await startRedis(["--replicaof", "127.0.0.1", `${master.port}`]);
  cleanUps.push(master.stop, replica.stop);
  const [onMaster, onReplica] = [await lookInto(master.url), await lookInto(replica.url)];
  cleanUps.push(onMaster.close, onReplica.close);
  await until("the copy", async () =>
    `${await onMaster.command("INFO", "replication")}`.includes("state=online"),
  );
  const client = newClient({ port: master.port, waitReplicas: 1 });
  expect(await client.count("m", 1)).toBe(true);
  expect(await onReplica.size()).toBe(1);
  replica.signal("SIGSTOP");
  expect(await client.count("m", 1)).toBe(false);
  const lastError = () => client.stats().lastError;
  await until("the batch to be in doubt", () => lastError()?.message.includes("0 of 1 replicas"));
  const doubted = lastError()?.at;
  await until("an attempt to find out", () => lastError()?.at !== doubted || client.stats().stored > 1);
  expect(await onMaster.size()).toBe(2);
  expect(client.stats().stored).toBe(1);
  expect(lastError()?.message).toMatch("0 of 1 replicas");
  replica.signal("SIGCONT");
  await until("the second record", () => client.stats().stored === 2);
  expect(await onReplica.size()).toBe(2);
  expect(await onMaster.size()).toBe(2);
});

describe("a master that is killed under load", () => {
  it("costs at most what wasn't copied yet, nothing arrives twice, and it is reported once", {
    timeout: 60_000 * KILLS,
  }, async () => {
    const servers = await startWatchedServers();
    cleanUps.push(servers.stop);
    const logs = newLogRequests();
    const intake = await startIntake({ keepLogs: 0, onRequest: logs.onRequest });
    cleanUps.push(() => intake.close());
    const settings = {
      API_KEY: "any",
      DATADOG_URL: `${intake.url}/api`,
      DATADOG_LOGS_URL: intake.url,
      REDIS_SENTINELS: servers.sentinels,
      REDIS_SENTINEL_MASTER: MASTER,
      AGGREGATE_INTERVAL: "1",
      AGGREGATE_GRACE: "0",
      RELEASE_INTERVAL: "1",
      CHOUETTE_HTTP: "127.0.0.1:0",
    };
    const first = await servers.master();
    const agent = await startAgentProcess(settings);
    cleanUps.push(() => agent.end("SIGKILL"));
    const events: string[] = [];
    const client = newClient({
      sentinels: { servers: servers.sentinels, master: MASTER },
      waitReplicas: WAIT_REPLICAS,
      bufferRecords: 1_000_000,
      bufferBytes: 1e9,
    });
    client.on("disconnected", ({ message }) => events.push(message));
    client.on("connected", () => events.push("connected"));
    const load = startNumberedLoad(client, PER_SECOND);
    const begun = performance.now();
    const counted = () => intake.counts().points.received;
    await until("the first counts", () => counted() > 0);
    /** Records that were confirmed within these may not have been copied. */
    const spans: Span[] = [];
    for (let kill = 1; kill <= KILLS; kill++) {
      if (kill > 1) await servers.complete();
      spans.push(await servers.failOver(UNCOPIED_MS));
      const before = client.stats().stored;
      await until("records on the new master", () => client.stats().stored > before);
      const countedBefore = counted();
      await until("counts after the failover", () => counted() > countedBefore);
    }
    const took = (performance.now() - begun) / 1_000;
    load.stop();
    await client.flush({ timeoutMs: 10_000 * PATIENCE });
    const { stored, buffered, dropped } = client.stats();
    expect(buffered).toBe(0);
    expect(Object.values(dropped).every((count) => count === 0)).toBe(true);
    const master = await servers.master();
    await until("the agent to be done", async () => {
      const left = await Promise.all(
        Object.values(queueNames()).map((queue) => servers.command(master, "ZCARD", `${queue}.keys`)),
      );
      return left.every((size) => size === 0);
    });
    const { missing, wrong } = load.compare(sumsBySlice(intake), logs.arrived(), spans);
    const repeated = logs.repeated();
    process.stdout.write(
      `${KILLS} kills at ${Math.round(load.made() / took)}/s: ${stored} records confirmed, ${missing} of them lost; ` +
        `${load.confirmedWithin(spans)} were confirmed while the replica was cut off or the master down; ` +
        `${repeated.length} logs twice\n`,
    );
    expect(wrong).toEqual([]);
    if (WAIT_REPLICAS > 0) expect(missing).toBe(0);
    const isDuringFailover = (span: Span) => spans.some(({ from, to }) => span.from <= to && span.to >= from);
    expect(repeated.filter((unsettled) => !isDuringFailover(unsettled))).toEqual([]);
    const { output } = agent;
    expect(output().match(/Redis failed over from/g)).toHaveLength(KILLS);
    expect(output()).toMatch(`Redis failed over from 127.0.0.1:${first} to`);
    expect(output().match(/"component":"store","reason"/g)).toHaveLength(KILLS);
    expect(events.filter((event) => event === "connected")).toHaveLength(KILLS + 1);
    const status = await fetch(`http://127.0.0.1:${await statusPort(agent)}/status`);
    expect(await status.json()).toMatchObject({
      broker: {
        address: `127.0.0.1:${master}`,
        sentinels: `${MASTER} (Sentinels ${servers.sentinels.replaceAll(",", ", ")})`,
      },
    });
  });
});

/** The sums of the metric "load", by its tag "slice". */
function sumsBySlice(intake: Intake): ReadonlyMap<string, number> {
  const sums = new Map<string, number>();
  for (const { metric, tags, value } of intake.points()) {
    const slice = tags.find((tag) => tag.startsWith("slice:"))?.slice("slice:".length);
    if (metric === "load" && slice !== undefined) sums.set(slice, (sums.get(slice) ?? 0) + value);
  }
  return sums;
}

/** The requests with logs, in order. */
function newLogRequests() {
  const requests: { readonly at: number; readonly texts: readonly string[] }[] = [];
  return {
    onRequest: ({ submission, status = 0 }: AnsweredRequest) => {
      const texts = submission.logs.map(
        ({ fields }) => (fields as { readonly message: { readonly msg: string } }).message.msg,
      );
      if (status < 300 && texts.length > 0) requests.push({ at: Date.now(), texts });
    },
    arrived: (): ReadonlySet<string> => new Set(requests.flatMap(({ texts }) => texts)),
    /** For each log that arrived again: from when until when it may not have been settled the first time. */
    repeated: (): readonly Span[] => {
      const unsettled = new Map<string, Span>();
      return requests.flatMap(({ at, texts }, index) => {
        // The next request shows that this one was settled, on the master of that time.
        const span = { from: at, to: requests[index + 1]?.at ?? Number.POSITIVE_INFINITY };
        return texts.flatMap((text) => {
          const earlier = unsettled.get(text);
          unsettled.set(text, span);
          return earlier === undefined ? [] : [earlier];
        });
      });
    },
  };
}
