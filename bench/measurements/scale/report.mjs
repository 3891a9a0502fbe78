/** The simulation's tables, as Markdown, and its plots. Pure functions. */

const MB = 1e6;
/** Of the curves of backlogs, in samples; and how long the curves of connections are, in seconds. */
const EVERY = 5;
const CURVE_SECONDS = 90;
const BROKERS = { embedded: "embedded", redis: "Redis" };

export function costsTable(costs) {
  return table(
    [
      "broker, series",
      "a request",
      "a record stored",
      "a record sent on",
      "of that Redis",
      "a record in Redis' memory",
    ],
    [...costs].map(([name, { costs: each, bytesPerRecord }]) => [
      name,
      `${number(each.request * 1_000)} µs`,
      `${number(each.record * 1_000, 1)} µs`,
      `${number((each.sent + each.sentRedis) * 1_000, 1)} µs`,
      each.sentRedis > 0 ? `${number(each.sentRedis * 1_000, 1)} µs` : "",
      bytesPerRecord > 0 ? `${number(bytesPerRecord)} bytes` : "",
    ]),
  );
}

export function normalTable(gateways) {
  return table(
    ["gateway", "devices", "bytes in", "bytes out", "CPU", "by the model", "peak memory"],
    gateways
      .filter(({ spec }) => !spec.hasOutage)
      .map(({ spec, bytesIn, bytesOut, cpuAgent, cpuRedis, modelled, peak }) => [
        nameOf(spec),
        number(spec.devices),
        number(bytesIn),
        number(bytesOut),
        `${number((cpuAgent + cpuRedis) * 1_000, 2)} ms${cpuRedis > 0 ? ` (Redis ${number(cpuRedis * 1_000, 2)})` : ""}`,
        `${number(modelled * 1_000, 2)} ms`,
        memory(peak),
      ]),
  );
}

export function outageTable(outages) {
  /** @type {readonly (readonly [string, (one: any) => string])[]} */
  const rows = [
    ["records that waited on the devices", ({ backlog }) => number(backlog)],
    ["newest records at the gateway: of half, 99 %, all of the devices", ({ fresh }) => inSeconds(fresh)],
    ["no backlog left on the device", ({ drained }) => inSeconds(drained)],
    ["everything sent to Datadog", ({ sentAfter }) => `${number(sentAfter / 1_000)} s`],
    ["at most waiting in the gateway, records", ({ mostWaiting }) => number(mostWaiting)],
    ["new connections a second, at most", ({ connections }) => number(most(connections))],
    ["batches a second, at most", ({ batches }) => number(most(batches))],
    ["records sent to Datadog", ({ sent }) => number(sent)],
    [
      "CPU by the model",
      ({ modelled, sent }) => `${number(modelled)} s, ${number((modelled / sent) * 1e6, 1)} µs a record`,
    ],
    ["really sent", ({ reallySent }) => number(reallySent)],
    ["bytes to Datadog, for each of these", ({ bytesOut, reallySent }) => number(bytesOut / reallySent, 2)],
    [
      "CPU time used for these",
      ({ cpu, reallySent }) => `${number(cpu)} s, ${number((cpu / reallySent) * 1e6, 1)} µs a record`,
    ],
  ];
  return table(
    ["", ...outages.map(({ spec }) => nameOf(spec))],
    rows.map(([title, cell]) => [title, ...outages.map((one) => cell(one))]),
  );
}

export function stampedeTable(cases) {
  return table(
    [
      "",
      "new connections, with jitter",
      "without",
      "batches",
      "without",
      "batches after 9 minutes",
      "without",
    ],
    cases.map(({ title, jitter, none }) => [
      title,
      ...["connections", "batches", "later"].flatMap((name) => [number(jitter[name]), number(none[name])]),
    ]),
  );
}

/** @returns {import("../../suite/measurement.mjs").Plot[]} */
export function plots(outages, cases) {
  const minutes = ({ at }) => at / 60_000;
  const sampled = (curve) => curve.filter((_, index) => index % EVERY === 0);
  return [
    {
      title: "Records that wait after an outage of an hour",
      file: "scale-backlog.svg",
      x: { title: "minutes since the link is up again" },
      y: { title: "records" },
      lines: outages.flatMap(({ spec, curve }) => [
        {
          label: `on devices, ${BROKERS[spec.broker]}`,
          points: sampled(curve).map((sample) => [minutes(sample), sample.onDevices]),
        },
        {
          label: `in the gateway, ${BROKERS[spec.broker]}`,
          points: sampled(curve).map((sample) => [minutes(sample), sample.onGateway]),
        },
      ]),
    },
    {
      title: "New connections a second after an outage",
      file: "scale-connections.svg",
      x: { title: "seconds since the gateway can be reached" },
      y: { title: "connections a second" },
      lines: cases
        .filter(({ isOutage }) => isOutage)
        .flatMap(({ label, jitter, none }) => [
          { label: `${label}, jitter`, points: filled(jitter.curve) },
          { label: `${label}, none`, points: filled(none.curve) },
        ]),
    },
  ];
}

/** @returns {[number, number][]} */
function filled(curve) {
  const counts = new Map(curve);
  return Array.from({ length: CURVE_SECONDS }, (_, second) => [second, counts.get(second) ?? 0]);
}

function nameOf({ name, broker, series }) {
  return `${name}: ${BROKERS[broker]}, ${series}`;
}

function memory({ agent, redis }) {
  return `${number(agent / MB)} MB${redis > 0 ? ` and Redis ${number(redis / MB)} MB` : ""}`;
}

function inSeconds({ half, most: nearlyAll, all }) {
  return [half, nearlyAll, all].map((ms) => `${number(ms / 1_000)} s`).join(", ");
}

function most(counts) {
  return Math.max(0, ...counts.map(([, count]) => count));
}

function table(head, rows) {
  const align = head.map((_, column) => (column === 0 ? "---" : "---:"));
  return [head, align, ...rows].map((cells) => `| ${cells.join(" | ")} |`).join("\n");
}

function number(value, digits = 0) {
  return value.toLocaleString("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits });
}
