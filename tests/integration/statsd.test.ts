/** DogStatsD end to end: unmodified clients and raw sockets, a real agent, the stand-in for Datadog. */
import { randomBytes } from "node:crypto";
import { createSocket } from "node:dgram";
import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { connect } from "node:net";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { mergeSketches, newSketch, sketchQuantile } from "@chouette-iot/record";
import { ChouetteClient } from "chouette-iot-client";
import { type ClientOptions, StatsD } from "hot-shots";
import { beforeEach, describe, expect, it } from "vitest";
import type { Rules } from "../../packages/agent/src/intake/faults.js";
import { type Intake, startIntake } from "../../packages/agent/src/intake/intake.js";
import type { Status } from "../../packages/agent/src/status/status.js";
import {
  type AgentSettings,
  brokerPort,
  CHOUETTE,
  runChouette,
  startAgentProcess,
  statusPort,
} from "../support/agent-process.js";
import { cleanUpsAfterEach } from "../support/clean-ups.js";
import { newFolder } from "../support/folders.js";
import { type Running, run } from "../support/running.js";
import { until } from "../support/until.js";

/** Clients without types of their own, as far as they are used here. */
interface PlainClient {
  counter(name: string, delta: number, tags?: Readonly<Record<string, string>>): void;
  increment(name: string, value: number, rate: number, tags: readonly string[]): void;
  gauge(name: string, value: number): void;
  timing(name: string, ms: number): void;
  set(name: string, element: string): void;
  unique(name: string, element: string): void;
  close(): void;
}
const require = createRequire(import.meta.url);
const StatsdClient: new (options: object) => PlainClient = require("statsd-client");
const { StatsD: NodeStatsd }: { StatsD: new (options: object) => PlainClient } = require("node-statsd");

const KEY = "0123456789abcdef0123456789abcdef";
/** Installed by those who need it: its packages for some systems are missing from the registry, which `npm ci` refuses. */
const hasUnixSockets = existsSync(new URL("../../node_modules/node-unix-socket", import.meta.url));
const SEND_DATAGRAMS = `import socket, sys
sender = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
for _ in range(int(sys.argv[3])): sender.sendto(sys.argv[2].encode(), sys.argv[1])
`;

/** Debian's python3-statsd, unchanged: it knows no tags. */
const SEND_AS_PYTHON = `import statsd, sys
for client in (
  statsd.StatsClient("127.0.0.1", int(sys.argv[1]), prefix="py"),
  statsd.TCPStatsClient("127.0.0.1", int(sys.argv[2]), prefix="pytcp"),
):
  for _ in range(10): client.incr("calls", 3)
  with client.pipeline() as together:
    together.gauge("level", 12.5)
    together.timing("took", 40)
    together.set("users", "ann")
  client.close()
`;
/** As in shell scripts: bash opens the socket. */
const SEND_AS_SHELL = `for n in 1 2 3 4 5 6 7 8 9 10; do echo "sh.calls:3|c" >/dev/udp/127.0.0.1/$0; done
printf 'sh.level:12.5|g\nsh.took:40|ms\nsh.users:ann|s' >/dev/udp/127.0.0.1/$0
`;

/** Node has no Unix datagrams. */
async function sendDatagrams(path: string, packet: string, count: number): Promise<void> {
  expect(await run("python3", ["-c", SEND_DATAGRAMS, path, packet, `${count}`]).ended).toBe(0);
}

let intake: Intake;
const cleanUps = cleanUpsAfterEach();

beforeEach(async () => {
  intake = await startIntake();
  cleanUps.push(() => intake.close());
});

async function startAgent(settings: AgentSettings = {}): Promise<Running> {
  const agent = await startAgentProcess(settingsFor(await testFolder(), settings));
  cleanUps.push(() => agent.end("SIGKILL"));
  return agent;
}

async function testFolder(): Promise<string> {
  const { path, remove } = await newFolder();
  cleanUps.push(remove);
  return path;
}

function settingsFor(folder: string, settings: AgentSettings): AgentSettings {
  return {
    API_KEY: KEY,
    DATADOG_URL: `${intake.url}/api`,
    DATADOG_LOGS_URL: intake.url,
    CHOUETTE_DATA_DIR: folder,
    CHOUETTE_LISTEN: "127.0.0.1:0",
    CHOUETTE_STATSD: "127.0.0.1:0",
    CHOUETTE_HTTP: "127.0.0.1:0",
    AGGREGATE_INTERVAL: "1",
    AGGREGATE_GRACE: "0",
    RELEASE_INTERVAL: "1",
    ...settings,
  };
}

/** The port of an agent's socket of this kind. */
async function statsdPort(agent: Running, kind = "udp"): Promise<number> {
  const line = new RegExp(`"listen":"${kind}://[^"]*:(\\d+)","msg":"DogStatsD listening"`);
  await agent.wrote(line);
  return Number(line.exec(agent.output())?.[1]);
}

async function client(options: ClientOptions): Promise<StatsD> {
  const statsd = new StatsD({ errorHandler: () => {}, ...options });
  cleanUps.push(() => new Promise((resolve) => statsd.close(resolve)));
  return statsd;
}

/** The sum of a metric's values that arrived so far. */
function sumOf(metric: string): number {
  return intake
    .points()
    .filter((point) => point.metric === metric)
    .reduce((sum, { value }) => sum + value, 0);
}

async function statusOf(agent: Running): Promise<Status> {
  const port = await statusPort(agent);
  return (await fetch(`http://127.0.0.1:${port}/status`)).json() as Promise<Status>;
}

describe("DogStatsD", () => {
  it("takes what hot-shots sends over UDP, with the values that Datadog's rules give", async () => {
    const agent = await startAgent();
    const statsd = await client({ port: await statsdPort(agent), globalTags: { env: "test" } });
    for (let call = 0; call < 100; call++) statsd.increment("calls", 2, { route: "/a" });
    statsd.gauge("temperature", -5);
    statsd.timing("took", 30);
    statsd.timing("took", 50);
    statsd.histogram("size", 7);
    statsd.set("users", "ann");
    statsd.set("users", "bob");
    statsd.set("users", "ann");
    await until(
      "all of it to arrive",
      () => sumOf("calls") === 200 && sumOf("users") >= 2 && sumOf("size.max") === 7,
    );
    const point = (metric: string) => intake.points().find((found) => found.metric === metric);
    expect(point("calls")).toMatchObject({ type: "count", tags: ["env:test", "route:/a"] });
    expect(point("temperature")).toMatchObject({ type: "gauge", value: -5 });
    expect(point("took.max")).toMatchObject({ type: "gauge", value: 50 });
    expect(point("took.avg")).toMatchObject({ value: 40 });
  });

  it("takes what other clients of statsd send, unchanged", async () => {
    const agent = await startAgent({ CHOUETTE_STATSD: "127.0.0.1:0,tcp://127.0.0.1:0" });
    const host = "127.0.0.1";
    const [udp, tcp] = [await statsdPort(agent), await statsdPort(agent, "tcp")];
    const clients = [
      new StatsdClient({ host, port: udp, prefix: "plain" }),
      new StatsdClient({ host, port: tcp, tcp: true, prefix: "tcp" }),
    ];
    for (const statsd of clients) {
      for (let call = 0; call < 10; call++) statsd.counter("calls", 3, { route: "/a" });
      statsd.gauge("level", 12.5);
      statsd.timing("took", 40);
      statsd.set("users", "ann");
      statsd.close();
    }
    const node = new NodeStatsd({ host, port: udp, prefix: "node." });
    for (let call = 0; call < 10; call++) node.increment("calls", 3, 1, ["route:/a"]);
    node.gauge("level", 12.5);
    node.timing("took", 40);
    node.unique("users", "ann");
    const hot = await client({ protocol: "tcp", host, port: tcp, prefix: "hot." });
    for (let call = 0; call < 10; call++) hot.increment("calls", 3, { route: "/a" });
    hot.gauge("level", 12.5);
    hot.timing("took", 40);
    hot.set("users", "ann");
    const others = [
      run("/usr/bin/python3", ["-c", SEND_AS_PYTHON, `${udp}`, `${tcp}`]),
      run("bash", ["-c", SEND_AS_SHELL, `${udp}`]),
    ];
    expect(await Promise.all(others.map(({ ended }) => ended))).toEqual([0, 0]);
    const prefixes = ["plain", "tcp", "node", "hot", "py", "pytcp", "sh"];
    const values = (metric: string) =>
      new Set(intake.points().flatMap((point) => (point.metric === metric ? [point.value] : [])));
    await until("all to arrive", () =>
      prefixes.every((prefix) => sumOf(`${prefix}.calls`) === 30 && values(`${prefix}.took.max`).size > 0),
    );
    for (const prefix of prefixes) {
      expect(values(`${prefix}.level`), prefix).toEqual(new Set([12.5]));
      expect(values(`${prefix}.took.max`), prefix).toEqual(new Set([40]));
      expect(values(`${prefix}.users`), prefix).toEqual(new Set([1]));
    }
    node.close();
  });

  it("sends distributions as sketches: of DogStatsD, the client and raw samples, merged", async () => {
    const agent = await startAgent({ AGGREGATE_INTERVAL: "3", HOST: "device-1" });
    const broker = await brokerPort(agent);
    const statsd = await client({ port: await statsdPort(agent) });
    for (let value = 1; value <= 100; value++) statsd.distribution("latency", value, ["route:a"]);
    const application = new ChouetteClient({ host: "127.0.0.1", port: broker });
    for (let value = 101; value <= 200; value++)
      void application.distribution("latency", value, { tags: { route: "a" } });
    // As stored by a program that doesn't know sketches.
    void application.distribution("latency", 1_000, { tags: { route: "a" }, timestamp: new Date() });
    await application.close();
    const found = () => intake.sketches().filter(({ metric }) => metric === "latency");
    await until("all to arrive", () => found().reduce((sum, { sketch }) => sum + sketch.count, 0) === 201);
    const whole = newSketch();
    for (const { host, tags, sketch } of found()) {
      expect([host, tags]).toEqual(["device-1", ["route:a"]]);
      mergeSketches(whole, sketch);
    }
    expect(whole).toMatchObject({ min: 1, max: 1_000, sum: (200 * 201) / 2 + 1_000 });
    expect(Math.abs(sketchQuantile(whole, 0.5) - 101)).toBeLessThanOrEqual(101 / 128);
  });

  it("takes events and service checks, which reach Datadog with the agent's own check", async () => {
    const settings = { SEND_SELF_METRICS: "true", HOST: "device-1", GLOBAL_TAGS: "zone:a" };
    const agent = await startAgent(settings);
    const statsd = await client({ port: await statsdPort(agent) });
    statsd.event("Title", "two\nlines", { alert_type: "warning", priority: "low" }, ["a:b"]);
    statsd.check("db.up", statsd.CHECKS.CRITICAL, { message: "gone" }, ["c:d"]);
    const broker = { CHOUETTE_LISTEN: `127.0.0.1:${await brokerPort(agent)}` };
    const sent = runChouette(["send", "event", "Deploy", "version", "7", "--alert-type", "success"], broker);
    const checked = runChouette(["send", "check", "backup.done", "ok", "--tag", "e:f"], broker);
    expect(await Promise.all([sent.ended, checked.ended])).toEqual([0, 0]);
    const event = (title: string) => intake.events().find((found) => found.title === title);
    const check = (name: string) => intake.checks().find((found) => found.check === name);
    // Counted by name: the agent's own check arrives with each release.
    const names = ["db.up", "backup.done", "chouette.agent.up"];
    await until("all to arrive", () => intake.events().length === 2 && names.every(check));
    expect(event("Title")).toMatchObject({
      ...{ host: "device-1", text: "two\nlines", alert_type: "warning", priority: "low" },
      tags: ["a:b", "zone:a"],
    });
    expect(event("Deploy")).toMatchObject({ text: "version 7", alert_type: "success", tags: ["zone:a"] });
    expect(check("db.up")).toMatchObject({ status: 2, message: "gone", tags: ["c:d", "zone:a"] });
    expect(check("backup.done")).toMatchObject({ status: 0, host_name: "device-1", tags: ["e:f", "zone:a"] });
    expect(check("chouette.agent.up")).toMatchObject({ status: 0 });
  });

  it("makes a dead letter of an event that Datadog refuses, and delivers those beside it", async () => {
    // The stand-in knows only the size of a request when it decides: the bad one is larger.
    await intake.close();
    const rules: Rules = ({ path, bytes = 0 }) =>
      path === "/api/v1/events" && bytes > 400 ? { status: 400 } : undefined;
    intake = await startIntake({ rules });
    const agent = await startAgent();
    const socket = createSocket("udp4");
    cleanUps.push(() => socket.close());
    const port = await statsdPort(agent);
    const long = randomBytes(500).toString("hex");
    for (const text of ["good", long, "good"]) socket.send(`_e{1,${text.length}}:T|${text}`, port);
    const ledger = await until("all to leave the queue", async () => {
      const { queues = [] } = await statusOf(agent);
      const events = queues.find(({ name }) => name === "chouette:events:wrapped")?.ledger;
      return events?.pending === 0 && events.accepted === 3 ? events : undefined;
    });
    expect(ledger).toMatchObject({ done: { delivered: 2 }, dropped: { rejected: 1 }, missing: 0 });
    expect(intake.events()).toHaveLength(2);
  });

  it("takes lines over TCP and packets over a Unix stream, beside one another", async () => {
    const path = join(await testFolder(), "statsd.sock");
    const agent = await startAgent({ CHOUETTE_STATSD: `tcp://127.0.0.1:0,unixstream://${path}` });
    const tcp = connect(await statsdPort(agent, "tcp"), "127.0.0.1");
    tcp.write("lines:1|c\nlines:2|c\nli");
    tcp.end("nes:3|c");
    await agent.wrote(`unixstream://${path}`);
    const stream = connect(path);
    const packet = Buffer.from("packets:1|c\npackets:2|c");
    const prefix = Buffer.alloc(4);
    prefix.writeUInt32LE(packet.length);
    const bytes = Buffer.concat([prefix, packet, prefix, packet]);
    // In two parts that end in the middle of a packet.
    stream.write(bytes.subarray(0, 30));
    setTimeout(() => stream.end(bytes.subarray(30)), 20);
    await until("both to arrive", () => sumOf("lines") === 6 && sumOf("packets") === 6);
    const liar = connect(path);
    liar.write(Buffer.from([255, 255, 255, 255, 1]));
    await new Promise((resolve) => liar.once("close", resolve).on("error", () => {}));
    const { statsd } = await statusOf(agent);
    expect(statsd?.counters.closedConnections).toBe(1);
  });

  // One of the two: which depends on the package, which `npm ci` doesn't bring.
  if (hasUnixSockets) {
    it("takes datagrams at a path through node-unix-socket, and replaces a socket that a killed agent left", async () => {
      const path = join(await testFolder(), "statsd.sock");
      const setting = { CHOUETTE_STATSD: `unixgram://${path}` };
      const first = await startAgent(setting);
      await first.end("SIGKILL");
      await startAgent(setting);
      await sendDatagrams(path, "datagrams:2|c", 50);
      await until("all to arrive", () => sumOf("datagrams") === 100);
    });
  } else {
    it("says which package is missing for datagrams at a path, and takes what comes by other sockets", async () => {
      const path = join(await testFolder(), "statsd.sock");
      const agent = await startAgent({ CHOUETTE_STATSD: `unixgram://${path},127.0.0.1:0` });
      const { statsd, ready } = await statusOf(agent);
      expect(statsd?.sockets[0]).toEqual({
        address: `unixgram://${path}`,
        error: expect.stringContaining("needs the package node-unix-socket"),
      });
      expect(ready.ok).toBe(true);
      const statsClient = await client({ port: await statsdPort(agent) });
      statsClient.increment("beside", 3);
      await until("it to arrive", () => sumOf("beside") === 3);
    });
  }

  it("takes datagrams from a socket that systemd hands over, and ends in order", async () => {
    const path = join(await testFolder(), "statsd.sock");
    const settings = settingsFor(await testFolder(), { CHOUETTE_STATSD: "off" });
    const script = fileURLToPath(new URL("../support/socket-activation.py", import.meta.url));
    const agent = run("python3", [script, path, process.execPath, CHOUETTE, "agent"], {
      env: { ...settings, GLOBAL_TAGS: undefined, REDIS_URL: undefined, REDIS_HOST: undefined },
    });
    cleanUps.push(() => agent.end("SIGKILL"));
    await agent.wrote('"listen":"descriptor 3"');
    await sendDatagrams(path, "activated:1|c", 5);
    await until("all to arrive", () => sumOf("activated") === 5);
    expect(await agent.end("SIGTERM")).toBe(0);
  });

  it("shows what it couldn't read in status, metrics and doctor, and takes what is good beside it", async () => {
    const folder = await testFolder();
    const agent = await startAgent({ CHOUETTE_DATA_DIR: folder });
    const socket = createSocket("udp4");
    cleanUps.push(() => socket.close());
    const port = await statsdPort(agent);
    for (const packet of ["good:1|c\nbad\x1b[31m\ngood:2|c", "", Buffer.alloc(65_507, "x")])
      socket.send(packet, port);
    await until("the good ones to arrive", () => sumOf("good") === 3);
    const status = await statusOf(agent);
    expect(status.statsd).toMatchObject({
      sockets: [{ address: `udp://127.0.0.1:${port}`, kernelDrops: 0 }],
      counters: { values: 2, invalidLines: 2 },
      lastInvalid: { reason: "no name:value|type" },
    });
    const http = await statusPort(agent);
    const metrics = await (await fetch(`http://127.0.0.1:${http}/metrics`)).text();
    expect(metrics).toContain('chouette_statsd_refused_lines_total{reason="invalid"} 2');
    const asked = settingsFor(folder, {
      CHOUETTE_LISTEN: `127.0.0.1:${await brokerPort(agent)}`,
      CHOUETTE_HTTP: `127.0.0.1:${http}`,
      CHOUETTE_STATSD: `127.0.0.1:${port}`,
    });
    const doctor = runChouette(["doctor"], asked);
    await doctor.ended;
    expect(doctor.output()).toContain("2 invalid lines");
    const shown = runChouette(["status"], asked);
    await shown.ended;
    expect(shown.output()).toMatch(
      /StatsD {3}udp:.* 2 values in \d packets; invalid 2; last invalid line: x/,
    );
  });

  it("leaves a port that another program has to that, and runs", async () => {
    const other = createSocket("udp4");
    await new Promise<void>((resolve) => other.bind(0, "127.0.0.1", resolve));
    cleanUps.push(() => other.close());
    const { port } = other.address();
    const agent = await startAgent({ CHOUETTE_STATSD: `127.0.0.1:${port}` });
    const { statsd, outages, ready } = await statusOf(agent);
    expect(statsd?.sockets).toEqual([
      { address: `udp://127.0.0.1:${port}`, error: expect.stringContaining("EADDRINUSE") },
    ]);
    expect(ready.ok).toBe(true);
    expect(outages.find(({ component }) => component.startsWith("DogStatsD udp"))?.current).toBeDefined();
  });
});
