/** Metrics from the output of `systemctl show`. */
import type { CollectedMetric } from "../collector.js";
import { gauge } from "../gauge.js";

export type Properties = ReadonlyMap<string, string>;

export const UNIT_PROPERTIES = ["Id", "LoadState", "ActiveState", "NRestarts"] as const;

/** Lines `Name=value`, with an empty line between units. */
export function parseProperties(text: string): readonly Properties[] {
  const blocks = text.split(/\n\s*\n/).filter((block) => block.trim() !== "");
  return blocks.map((block) => {
    const lines = block.matchAll(/^(\w+)=(.*)$/gm);
    return new Map([...lines].map(([, name = "", value = ""]) => [name, value]));
  });
}

/** @throws if the number is missing */
export function failedMetrics([manager]: readonly Properties[]): readonly CollectedMetric[] {
  const failed = manager?.get("NFailedUnits");
  if (failed === undefined || !/^\d+$/.test(failed))
    throw new Error("systemctl reports no number of failed units");
  return [gauge("Chouette.systemd.units.failed", Number(failed))];
}

/** A unit that reloads its configuration is running: `systemctl is-active` agrees. */
const ACTIVE_STATES: ReadonlySet<string | undefined> = new Set(["active", "reloading", "refreshing"]);

export function unitMetrics(properties: Properties): readonly CollectedMetric[] {
  const tags = { unit: properties.get("Id") ?? "" };
  const state = properties.get("ActiveState");
  // Only services have it.
  const restarts = properties.get("NRestarts");
  return [
    gauge("Chouette.systemd.unit.active", ACTIVE_STATES.has(state) ? 1 : 0, tags),
    gauge("Chouette.systemd.unit.failed", state === "failed" ? 1 : 0, tags),
    ...(restarts ? [gauge("Chouette.systemd.unit.restarts", Number(restarts), tags)] : []),
  ];
}
