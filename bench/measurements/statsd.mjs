/**
 * StatsD over UDP: the cost of a million lines in the agent, in Etsy's statsd, and in a bare socket that only counts.
 *
 *     npm install --no-save --omit=optional statsd@0.9.0    # the peer, which nothing else here needs
 *     node bench/measurements/statsd.mjs [packets] [packets a second]
 *
 * A packet has one line, as clients without buffers send them, or twenty, as others do, each of one of 200 counters.
 * The subjects take turns, three times; each is a separate process that reports how much it received. Only ratios
 * within one run are meaningful. The figures include the start and a flush each second, which dominate a short run.
 */
import { createSocket } from "node:dgram";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { freePort, startServer } from "../support/server.mjs";
import { until } from "../support/until.mjs";

const [packets = 200_000, rate = 20_000] = process.argv.slice(2).map(Number);
const ROUNDS = 3;
const COUNTERS = 200;
const LINES_PER_PACKET = [1, 20];
const CHOUETTE = fileURLToPath(new URL("../../packages/agent/bin/chouette.js", import.meta.url));
/** Answers how many packets came, on the port of its own number. */
const BARE = `
  const socket = require("node:dgram").createSocket("udp4");
  let count = 0;
  socket.on("message", () => count++);
  socket.bind(Number(process.argv[1]), "127.0.0.1", () => {
    socket.setRecvBufferSize(4 * 1024 * 1024);
    const server = require("node:net").createServer((peer) => peer.end(String(count)));
    server.listen(Number(process.argv[1]), "127.0.0.1", () => console.log("ready"));
  });`;

const folder = mkdtempSync(join(tmpdir(), "chouette-bench-"));
process.once("exit", () => rmSync(folder, { recursive: true, force: true }));

const subjects = [
  { name: "bare socket", start: startBare },
  { name: "agent", start: startAgent },
  ...(pathOfStatsd() === undefined ? [] : [{ name: "Etsy's statsd", start: startStatsd }]),
];
for (const perPacket of LINES_PER_PACKET) await compare(perPacket);

async function compare(perPacket) {
  process.stdout.write(`${perPacket} ${perPacket === 1 ? "line" : "lines"} a packet\n`);
  /** @type {Map<string, number[]>} */
  const costs = new Map(subjects.map(({ name }) => [name, []]));
  for (let round = 0; round < ROUNDS; round++) {
    for (const { name, start } of subjects) {
      const { received, cpu, memory } = await measure(start, perPacket);
      costs.get(name)?.push(cpu);
      const share = ((100 * received) / packets).toFixed(1);
      process.stdout.write(
        `  ${name.padEnd(14)} received ${share} %, ${cpu.toFixed(2)} s CPU per million lines, ${memory} MB\n`,
      );
    }
  }
  const best = (name) => Math.min(...(costs.get(name) ?? []));
  for (const { name } of subjects) {
    const relative = (best(name) / best("agent")).toFixed(2);
    process.stdout.write(`  ${name}: ${best(name).toFixed(2)} s, ${relative} of the agent's\n`);
  }
}

async function measure(start, perPacket) {
  const { server, port, received } = await start();
  try {
    const before = server.cpuSeconds();
    await send(port, perPacket);
    const count = await settled(received);
    const cpu = ((server.cpuSeconds() - before) * 1e6) / (count * perPacket);
    return { received: count, cpu, memory: Math.round(server.memory().resident / 1e6) };
  } finally {
    await server.stop();
  }
}

/** In bursts of 10 ms. */
async function send(port, perPacket) {
  const socket = createSocket("udp4");
  const different = Array.from({ length: COUNTERS }, (_, first) =>
    Buffer.from(
      Array.from({ length: perPacket }, (_, line) => `bench.requests.r${(first + line) % COUNTERS}:1|c`).join(
        "\n",
      ),
    ),
  );
  const begun = performance.now();
  for (let sent = 0; sent < packets; ) {
    const elapsed = (performance.now() - begun) / 1000;
    const due = Math.min(packets, Math.ceil(elapsed * rate));
    for (; sent < due; sent++) socket.send(different[sent % COUNTERS], port, "127.0.0.1");
    await sleep(10);
  }
  await new Promise((resolve) => socket.close(() => resolve(undefined)));
}

/** The count once it no longer grows. */
async function settled(received) {
  let last = await received();
  for (;;) {
    await sleep(1_500);
    const now = await received();
    if (now === last) return now;
    last = now;
  }
}

async function startBare() {
  const port = await freePort();
  const server = startServer(process.execPath, ["-e", BARE, `${port}`], process.env);
  await until("the socket to listen", () => server.output().includes("ready"));
  return { server, port, received: async () => Number(await reply(port, "")) };
}

async function startAgent() {
  const server = startServer(process.execPath, [CHOUETTE, "agent"], {
    ...process.env,
    ...{ CHOUETTE_DATA_DIR: mkdtempSync(join(folder, "agent-")), CHOUETTE_LISTEN: "127.0.0.1:0" },
    ...{ CHOUETTE_HTTP: "127.0.0.1:0", CHOUETTE_STATSD: "127.0.0.1:0", SEND_SELF_METRICS: "false" },
    // Nobody listens there: the cost of sending isn't measured here.
    ...{
      API_KEY: "k".repeat(32),
      DATADOG_URL: "http://127.0.0.1:9/api",
      DATADOG_LOGS_URL: "http://127.0.0.1:9",
    },
  });
  await until("the agent to run", () => /agent \S+ started/.test(server.output()));
  const portOf = (line) => Number(line.exec(server.output())?.[1]);
  const http = portOf(/"listen":"127\.0\.0\.1:(\d+)","msg":"status server listening"/);
  const received = async () => {
    const status = /** @type {any} */ (await (await fetch(`http://127.0.0.1:${http}/status`)).json());
    return status.statsd.counters.packets;
  };
  return { server, port: portOf(/"listen":"udp:\/\/127\.0\.0\.1:(\d+)"/), received };
}

/** @returns {string | undefined} */
function pathOfStatsd() {
  try {
    return createRequire(import.meta.url).resolve("statsd/stats.js");
  } catch {
    process.stdout.write("Etsy's statsd isn't installed: it is left out.\n");
    return undefined;
  }
}

/** Its flush would set its counters to zero. */
async function startStatsd() {
  const [port, management] = [await freePort(), await freePort()];
  const config = join(folder, `statsd-${port}.js`);
  const settings = { port, address: "127.0.0.1", mgmt_port: management, mgmt_address: "127.0.0.1" };
  writeFileSync(config, JSON.stringify({ ...settings, backends: [], flushInterval: 3_600_000 }));
  const server = startServer(process.execPath, [pathOfStatsd() ?? "", config], process.env);
  await until("statsd to answer", () => reply(management, "counters\n").then(Boolean, () => false));
  const received = async () =>
    Number(/'statsd\.packets_received': (\d+)/.exec(await reply(management, "counters\n"))?.[1] ?? 0);
  return { server, port, received };
}

/** A server's output until it ends or has written END. */
function reply(port, question) {
  return new Promise((resolve, reject) => {
    let text = "";
    const socket = connect(port, "127.0.0.1", () => socket.write(question));
    socket.on("data", (chunk) => {
      text += chunk;
      if (text.includes("END")) socket.end();
    });
    socket.once("error", reject).once("close", () => resolve(text));
  });
}
