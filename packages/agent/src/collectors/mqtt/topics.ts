/** Mosquitto's topics about itself, below `$SYS/broker`, and their metrics. */
import type { CollectedMetric } from "../collector.js";
import type { MetricRow } from "../description.js";
import { gauge } from "../gauge.js";

/** Topics with their metrics. Counters begin at the broker's start. */
const TOPICS: readonly (readonly [topic: string, metric: MetricRow])[] = [
  ["clients/connected", ["clients.connected", "connection", [], "Clients that are connected"]],
  [
    "clients/total",
    ["clients.total", "", [], "Clients that are connected or have a session that waits for them"],
  ],
  ["messages/received", ["messages.received", "message", [], "MQTT packets received"]],
  ["messages/sent", ["messages.sent", "message", [], "MQTT packets sent"]],
  ["messages/stored", ["messages.stored", "message", [], "Messages that the broker holds"]],
  ["publish/messages/received", ["publish.received", "message", [], "Messages published to the broker"]],
  ["publish/messages/sent", ["publish.sent", "message", [], "Messages that it passed on"]],
  [
    "publish/messages/dropped",
    ["publish.dropped", "message", [], "Messages that it dropped for full queues"],
  ],
  ["retained messages/count", ["messages.retained", "message", [], "Retained messages"]],
  ["subscriptions/count", ["subscriptions", "", [], "Subscriptions"]],
  ["bytes/received", ["bytes.received", "byte", [], "Received"]],
  ["bytes/sent", ["bytes.sent", "byte", [], "Sent"]],
  ["heap/current", ["heap", "byte", [], "Memory in use, if the broker was built with memory tracking"]],
  ["uptime", ["uptime", "second", [], "Since the broker's start"]],
];

export const ROWS: readonly MetricRow[] = TOPICS.map(([, row]) => row);

const PREFIX = "$SYS/broker/";

/** Topics to subscribe to. */
export const FILTERS: readonly string[] = TOPICS.map(([topic]) => `${PREFIX}${topic}`);

const NAMES = new Map(TOPICS.map(([topic, [name]]) => [`${PREFIX}${topic}`, `Chouette.mqtt.${name}`]));

/** @param payload a number, in some topics followed by a unit: `3600 seconds` */
export function topicMetric(topic: string, payload: string): CollectedMetric | undefined {
  const name = NAMES.get(topic);
  const value = Number.parseFloat(payload);
  return name === undefined || Number.isNaN(value) ? undefined : gauge(name, value);
}
