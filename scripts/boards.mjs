/**
 * Generates deploy/boards: a Datadog dashboard and monitors for the metrics of the agent and its collectors, and a
 * Grafana board for /metrics. `tests/boards.test.ts` checks that each metric in them exists.
 */
import { writeFileSync } from "node:fs";

const folder = new URL("../deploy/boards/", import.meta.url);

const DEVICE = "{$host}";

function timeseries(title, ...queries) {
  const requests = queries.map(([query, display_type = "line"]) => ({ q: query, display_type }));
  return { definition: { type: "timeseries", title, show_legend: true, requests } };
}

function value(title, query, precision = 0) {
  const requests = [{ q: query, aggregator: "last" }];
  return { definition: { type: "query_value", title, autoscale: true, precision, requests } };
}

function group(title, ...widgets) {
  return { definition: { type: "group", layout_type: "ordered", title, widgets } };
}

const datadogDashboard = {
  title: "Chouette devices",
  description: "Delivery, queues and cost of Chouette agents, and the state of their devices.",
  layout_type: "ordered",
  template_variables: [{ name: "host", prefix: "host", available_values: [], default: "*" }],
  widgets: [
    group(
      "Delivery",
      value("Waiting metrics", `sum:chouette.queued.metrics${DEVICE}`),
      value("Bytes sent", `sum:chouette.dispatched.metrics.bytes${DEVICE}.as_count()`),
      timeseries(
        "Delivered records",
        [`sum:chouette.dispatched.metrics.number${DEVICE}.as_count()`, "bars"],
        [`sum:chouette.dispatched.logs.number${DEVICE}.as_count()`, "bars"],
      ),
      timeseries(
        "Delivered bytes, compressed",
        [`sum:chouette.dispatched.metrics.bytes${DEVICE}.as_count()`, "bars"],
        [`sum:chouette.dispatched.logs.bytes${DEVICE}.as_count()`, "bars"],
      ),
      timeseries("Requests by outcome", [`sum:chouette.requests${DEVICE} by {outcome}.as_count()`, "bars"]),
      timeseries("Delay until delivery, seconds", [`avg:chouette.delivery.delay${DEVICE} by {host,signal}`]),
    ),
    group(
      "Queues",
      timeseries("Waiting metrics", [`max:chouette.queued.metrics${DEVICE} by {host}`]),
      timeseries("Age of the oldest record, seconds", [
        `max:chouette.queue.oldest_age${DEVICE} by {host,queue}`,
      ]),
      timeseries("Dropped records by reason", [
        `sum:chouette.dropped${DEVICE} by {reason}.as_count()`,
        "bars",
      ]),
    ),
    group(
      "Devices",
      timeseries("CPU, percent", [`avg:Chouette.host.cpu.percentage${DEVICE} by {host}`]),
      timeseries("Memory in use", [`avg:Chouette.host.memory.used${DEVICE} by {host}`]),
      timeseries("Free space", [`min:Chouette.host.fs.free${DEVICE} by {host,device}`]),
      timeseries("Load", [`avg:Chouette.host.la${DEVICE} by {host,period}`]),
      timeseries("Received bytes", [
        `per_second(max:Chouette.host.network.bytes.recv${DEVICE} by {host,iface})`,
      ]),
      timeseries("Sent bytes", [`per_second(max:Chouette.host.network.bytes.sent${DEVICE} by {host,iface})`]),
      timeseries("Temperature", [`max:Chouette.thermal.temperature${DEVICE} by {host,zone}`]),
      timeseries("Raspberry Pi: under-voltage", [`max:Chouette.pi.under_voltage${DEVICE} by {host}`]),
    ),
    group(
      "Containers",
      timeseries("CPU, percent of a core", [
        `max:Chouette.docker.cpu.percentage${DEVICE} by {host,container}`,
      ]),
      timeseries("Memory", [`max:Chouette.docker.memory.working_set${DEVICE} by {host,container}`]),
      timeseries("Restarts", [
        `sum:Chouette.docker.restarts${DEVICE} by {host,container}.as_count()`,
        "bars",
      ]),
    ),
  ],
};

function monitor(name, query, message, options = {}) {
  return {
    name: `[Chouette] ${name}`,
    type: "query alert",
    query,
    message: `${message} @your-team`,
    tags: ["service:chouette"],
    options: { include_tags: true, notify_audit: false, ...options },
  };
}

const datadogMonitors = [
  monitor(
    "{{host.name}} sends nothing",
    "max(last_30m):max:chouette.queued.metrics{*} by {host} < 0",
    "No metrics of the agent for 30 minutes: the device is off, its link is down, or the agent isn't running. Records are kept on the device.",
    { thresholds: { critical: 0 }, notify_no_data: true, no_data_timeframe: 30 },
  ),
  monitor(
    "{{host.name}} drops records",
    "sum(last_15m):sum:chouette.dropped{!reason:superseded} by {host,reason}.as_count() > 0",
    "Records were dropped: {{reason.name}}. docs/OPERATION.md lists each reason and what to do.",
    { thresholds: { critical: 0 } },
  ),
  monitor(
    "{{host.name}} delivers late",
    "min(last_15m):max:chouette.queue.oldest_age{queue:chouette:metrics:wrapped} by {host} > 900",
    "The oldest metric has waited for more than 15 minutes. Datadog discards points that are older than an hour.",
    { thresholds: { critical: 900, warning: 600 } },
  ),
  monitor(
    "{{host.name}} is refused by the intake",
    "sum(last_15m):sum:chouette.requests{outcome:refused} by {host}.as_count() > 0",
    "Datadog refused batches. `chouette queue rejected` shows the reasons.",
    { thresholds: { critical: 0 } },
  ),
  monitor(
    "{{host.name}} sends more than usual",
    "sum(last_1d):sum:chouette.dispatched.metrics.bytes{*} by {host}.as_count() > 20000000",
    "More than 20 MB of metrics in a day. `chouette top` shows which cost most; DAILY_BYTE_BUDGET sets a limit.",
    { thresholds: { critical: 20_000_000 } },
  ),
  monitor(
    "{{host.name}} runs out of disk",
    "min(last_15m):min:Chouette.host.fs.free{*} by {host,device} < 200000000",
    "Less than 200 MB are free on {{device.name}}.",
    { thresholds: { critical: 200_000_000 } },
  ),
  monitor(
    "{{host.name}} is hot",
    "min(last_10m):max:Chouette.thermal.temperature{*} by {host,zone} > 80",
    "Zone {{zone.name}} is above 80 °C.",
    { thresholds: { critical: 80, warning: 75 } },
  ),
];

const SELECTED = '{instance=~"$instance"}';
let panels = 0;

/** @param targets each a query, to which the selection is added, and the labels of a line besides the instance */
function panel(title, unit, ...targets) {
  panels += 1;
  const [column, row] = [(panels - 1) % 3, Math.floor((panels - 1) / 3)];
  return {
    id: panels,
    type: "timeseries",
    title,
    datasource: { type: "prometheus", uid: "$datasource" },
    gridPos: { h: 8, w: 8, x: 8 * column, y: 8 * row },
    fieldConfig: { defaults: { unit, min: 0 }, overrides: [] },
    targets: targets.map(([query, labels], index) => ({
      refId: "ABC"[index],
      expr: query.replace(/chouette_\w+/, `$&${SELECTED}`),
      legendFormat: `{{instance}} ${labels}`,
    })),
  };
}

const grafanaBoard = {
  title: "Chouette",
  uid: "chouette-agent",
  schemaVersion: 39,
  tags: ["chouette"],
  time: { from: "now-6h", to: "now" },
  refresh: "30s",
  templating: {
    list: [
      { name: "datasource", type: "datasource", query: "prometheus" },
      {
        name: "instance",
        type: "query",
        datasource: { type: "prometheus", uid: "$datasource" },
        query: "label_values(chouette_uptime_seconds, instance)",
        includeAll: true,
        multi: true,
      },
    ],
  },
  panels: [
    panel(
      "Ready",
      "short",
      ["chouette_ready", "ready"],
      ["chouette_alive", "alive"],
      ["chouette_store_up", "store"],
    ),
    panel("Pending records", "short", ["chouette_queue_records", "{{queue}}"]),
    panel("Age of the oldest", "s", ["chouette_queue_oldest_age_seconds", "{{queue}}"]),
    panel("Records in", "ops", ["rate(chouette_records_accepted_total[5m])", "{{queue}}"]),
    panel("Records done", "ops", ["rate(chouette_records_done_total[5m])", "{{queue}}"]),
    panel("Records dropped", "ops", ["rate(chouette_records_dropped_total[5m])", "{{queue}} {{reason}}"]),
    panel("Requests by outcome", "ops", ["rate(chouette_requests_total[5m])", "{{signal}} {{outcome}}"]),
    panel("Delivered bytes", "Bps", ["rate(chouette_delivered_bytes_total[5m])", "{{signal}}"]),
    panel(
      "Bytes sent and budget",
      "decbytes",
      ["chouette_sent_bytes", "{{period}}"],
      ["chouette_daily_budget_bytes", "budget"],
    ),
    panel("Current outages", "s", ["chouette_outage_seconds > 0", "{{component}}"]),
    panel("Failing collectors", "short", ["chouette_collector_failures", "{{collector}}"]),
    panel("Store", "decbytes", ["chouette_store_bytes", "{{kind}}"]),
  ],
};

for (const [name, board] of [
  ["datadog-dashboard", datadogDashboard],
  ["datadog-monitors", datadogMonitors],
  ["grafana", grafanaBoard],
]) {
  writeFileSync(new URL(`${name}.json`, folder), `${JSON.stringify(board, undefined, 2)}\n`);
}
