/** The mqtt collector: what a Mosquitto broker publishes about itself below `$SYS`. */
import type { Collector, CollectorContext } from "../collector.js";
import { type CollectorDescription, metricTable } from "../description.js";
import { readRetained } from "./retained.js";
import { FILTERS, ROWS, topicMetric } from "./topics.js";

export const description: CollectorDescription = {
  name: "mqtt",
  sees: "A Mosquitto broker.",
  reads:
    "The retained messages below `$SYS/broker`, which Mosquitto updates every ten seconds (`sys_interval`). Counters begin at its start.",
  needs: "If the broker requires a login, a user with read access to `$SYS/broker/#`.",
  costs: "One short connection per round.",
  settings: ["mqttCollectorUrl"],
  metrics: metricTable("Chouette.mqtt", ROWS),
};

export function open({ settings }: Pick<CollectorContext, "settings">): Collector {
  return mqttCollector(settings.mqttCollectorUrl);
}

export function mqttCollector(url: string): Collector {
  return {
    name: "mqtt",
    subject: new URL(url).host,
    collect: async ({ signal }) => {
      const retained = await readRetained(url, FILTERS, signal);
      const metrics = [...retained].flatMap(([topic, payload]) => topicMetric(topic, payload) ?? []);
      if (metrics.length === 0) throw new Error("the broker has no messages below $SYS/broker");
      return metrics;
    },
  };
}
