/** The systemd collector: the number of failed units, and the state of named ones. */
import type { CollectedMetric, Collector, CollectorContext } from "../collector.js";
import { type CollectorDescription, metricTable } from "../description.js";
import { runProgram } from "../program.js";
import { failedMetrics, parseProperties, UNIT_PROPERTIES, unitMetrics } from "./properties.js";

export const description: CollectorDescription = {
  name: "systemd",
  sees: "systemd: failed units, and the state of named ones.",
  reads: "`systemctl show`, of the manager and of the units in `SYSTEMD_UNITS`.",
  needs: "A system that runs systemd; in a container, the host's `/run/systemd` and D-Bus.",
  costs: "One process per round, and another one if units are named.",
  settings: ["systemdUnits", "systemctlPath"],
  metrics: metricTable("Chouette.systemd", [
    ["units.failed", "", [], "Failed units"],
    ["unit.active", "", ["unit"], "1 if the unit is active, else 0"],
    ["unit.failed", "", ["unit"], "1 if the unit failed, else 0"],
    ["unit.restarts", "", ["unit"], "Automatic restarts of the service since it was last started manually"],
  ]),
};

export function open({ settings }: Pick<CollectorContext, "settings">): Collector {
  return systemdCollector(settings.systemctlPath, settings.systemdUnits);
}

export function systemdCollector(systemctl: string, units: readonly string[]): Collector {
  const show = (args: readonly string[], signal: AbortSignal) =>
    runProgram(systemctl, ["show", ...args], { signal });
  return {
    name: "systemd",
    subject: systemctl,
    collect: async ({ signal, report }) => {
      const [manager, ofUnits] = await Promise.all([
        show(["--property=NFailedUnits"], signal),
        units.length === 0 ? "" : show([`--property=${UNIT_PROPERTIES.join(",")}`, "--", ...units], signal),
      ]);
      const metrics: CollectedMetric[] = [...failedMetrics(parseProperties(manager))];
      for (const properties of parseProperties(ofUnits)) {
        if (properties.get("LoadState") === "not-found") report(`unit ${properties.get("Id")} not found`);
        else metrics.push(...unitMetrics(properties));
      }
      return metrics;
    },
  };
}
