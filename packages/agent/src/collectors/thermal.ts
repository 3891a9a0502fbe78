/**
 * The thermal collector: the kernel's thermal zones.
 *
 * A zone whose sensor doesn't answer (the read fails) is skipped.
 */
import { readdir } from "node:fs/promises";
import type { CollectedMetric, Collector, CollectorContext } from "./collector.js";
import { type CollectorDescription, metricTable } from "./description.js";
import { gauge } from "./gauge.js";
import { readOrUndefined } from "./kernel-files.js";

export const description: CollectorDescription = {
  name: "thermal",
  sees: "Every thermal zone of the kernel.",
  reads: "`/sys/class/thermal/thermal_zone*`, under `HOST_SYS`.",
  needs: "Linux.",
  costs: "Two small reads per zone.",
  settings: ["hostSys"],
  metrics: metricTable("Chouette.thermal", [
    [
      "temperature",
      "degree celsius",
      ["zone", "sensor"],
      "The zone's temperature; `zone` is its type, `sensor` its number, since types can repeat",
    ],
  ]),
};

export function open({ settings }: Pick<CollectorContext, "settings">): Collector {
  return thermalCollector(settings.hostSys);
}

export function thermalCollector(sys: string): Collector {
  const folder = `${sys}/class/thermal`;
  return {
    name: "thermal",
    subject: folder,
    collect: async ({ signal }) => {
      const sensors = (await readdir(folder)).filter((name) => /^thermal_zone\d+$/.test(name));
      if (sensors.length === 0) throw new Error(`no thermal zones in ${folder}`);
      const metrics = sensors.map(async (sensor) => {
        const [zone, temperature] = await Promise.all([
          readOrUndefined(`${folder}/${sensor}/type`, signal),
          readOrUndefined(`${folder}/${sensor}/temp`, signal),
        ]);
        return zoneMetrics(sensor, zone, temperature);
      });
      return (await Promise.all(metrics)).flat();
    },
  };
}

/** @param temperature the file's text, in thousandths of a degree; undefined if it can't be read */
function zoneMetrics(
  sensor: string,
  zone: string | undefined,
  temperature: string | undefined,
): CollectedMetric[] {
  const value = Number.parseInt(temperature ?? "", 10) / 1000;
  if (Number.isNaN(value)) return [];
  const tags = { zone: zone?.trim() || sensor, sensor };
  return [gauge("Chouette.thermal.temperature", value, tags)];
}
