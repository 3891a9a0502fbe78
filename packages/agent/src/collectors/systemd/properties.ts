/** What `systemctl show` writes, as metrics. */
import type { CollectedMetric } from "../collector.js";

export type Properties = ReadonlyMap<string, string>;

export const UNIT_PROPERTIES = ["Id", "LoadState", "ActiveState", "NRestarts"] as const;

/** Lines `Name=value`, with an empty line between two units. */
export function parseProperties(text: string): readonly Properties[] {
  const blocks = text.split(/\n\s*\n/).filter((block) => block.trim() !== "");
  return blocks.map((block) => {
    const lines = block.matchAll(/^(\w+)=(.*)$/gm);
    return new Map([...lines].map(([, name = "", value = ""]) => [name, value]));
  });
}

/** @throws if the manager doesn't say */
export function failedMetrics([manager]: readonly Properties[]): readonly CollectedMetric[] {
  const failed = manager?.get("NFailedUnits");
  if (failed === undefined || !/^\d+$/.test(failed))
    throw new Error("systemctl tells no number of failed units");
  return [{ name: "Chouette.systemd.units.failed", type: "gauge", value: Number(failed) }];
}

/** A unit that reads its configuration again runs meanwhile: `systemctl is-active` says so, too. */
const ACTIVE_STATES: ReadonlySet<string | undefined> = new Set(["active", "reloading", "refreshing"]);

export function unitMetrics(properties: Properties): readonly CollectedMetric[] {
  const tags = { unit: properties.get("Id") ?? "" };
  const state = properties.get("ActiveState");
  // Only services are started again.
  const restarts = properties.get("NRestarts");
  return [
    { name: "Chouette.systemd.unit.active", type: "gauge", value: ACTIVE_STATES.has(state) ? 1 : 0, tags },
    { name: "Chouette.systemd.unit.failed", type: "gauge", value: state === "failed" ? 1 : 0, tags },
    ...(restarts
      ? [{ name: "Chouette.systemd.unit.restarts", type: "gauge" as const, value: Number(restarts), tags }]
      : []),
  ];
}
