/**
 * The pi collector: temperature, throttling and under-voltage flags, and clocks of a Raspberry Pi.
 *
 * It reads /sys, and runs vcgencmd for the rest: the flags of "since boot", which /sys may lose, and, if they are selected,
 * the core's clock and voltage. Without vcgencmd, only the flags of /sys are used.
 */
import { messageOf } from "@chouette-iot/record";
import type { PiMetric } from "../../config/collector-metrics.js";
import type { CollectedMetric, Collector, CollectorContext } from "../collector.js";
import { type CollectorDescription, metricTable } from "../description.js";
import { gauge } from "../gauge.js";
import { readOrUndefined } from "../kernel-files.js";
import { runProgram } from "../program.js";
import { clockMetrics, flagMetrics, parseFrequency, parseThrottled, parseVoltage } from "./vcgencmd.js";

export const description: CollectorDescription = {
  name: "pi",
  sees: "A Raspberry Pi: chip temperature, throttling, under-voltage, clocks.",
  reads:
    "`/sys/class/thermal`, `/sys/devices/platform/soc/soc:firmware/get_throttled` and cpufreq, below `HOST_SYS`; " +
    "`vcgencmd` for the flags of `since_boot`, for all flags if /sys has none, and for `core_clock` and `voltage`.",
  needs: "A Raspberry Pi. For vcgencmd, membership in the group `video`.",
  costs: "Three small reads; with vcgencmd, one process per value.",
  settings: ["piMetrics", "vcgencmdPath", "hostSys"],
  metrics: metricTable("Chouette.pi", [
    ["temperature", "degree celsius", [], "The chip's temperature (`temp`)"],
    [
      "under_voltage",
      "",
      ["when"],
      "1 if the supply voltage is too low, else 0; `when` is `now` or `since_boot` (`throttled`)",
    ],
    ["frequency_capped", "", ["when"], "1 if the CPU's clock is capped (`throttled`)"],
    ["throttled", "", ["when"], "1 if the chip is throttled (`throttled`)"],
    ["soft_temperature_limit", "", ["when"], "1 if the soft temperature limit is reached (`throttled`)"],
    ["clock.frequency", "hertz", ["clock"], "Clock of `arm` (`clock`) and of `core` (`core_clock`)"],
    ["voltage", "volt", ["rail"], "Voltage of `core` (`voltage`)"],
  ]),
};

export interface PiOptions {
  readonly metrics: readonly PiMetric[];
  readonly sys: string;
  readonly vcgencmd: string;
}

export function open({ settings }: Pick<CollectorContext, "settings">): Collector {
  const { piMetrics: metrics, hostSys: sys, vcgencmdPath: vcgencmd } = settings;
  return piCollector({ metrics, sys, vcgencmd });
}

export function piCollector({ metrics, sys, vcgencmd }: PiOptions): Collector {
  const run = (args: readonly string[], signal: AbortSignal) => runProgram(vcgencmd, args, { signal });
  const readers: Readonly<Record<PiMetric, (signal: AbortSignal) => Promise<CollectedMetric[]>>> = {
    temp: (signal) => readTemperature(sys, signal),
    throttled: async (signal) => {
      const shown = await readFlags(sys, signal);
      const asked = run(["get_throttled"], signal).then(parseThrottled);
      // The kernel clears the firmware's flags of "since boot" when it reads them: only vcgencmd still shows them.
      return flagMetrics(shown === undefined ? await asked : shown | (await asked.catch(() => shown)));
    },
    clock: (signal) => readArmClock(sys, signal),
    core_clock: async (signal) =>
      clockMetrics("core", parseFrequency(await run(["measure_clock", "core"], signal))),
    voltage: async (signal) => {
      const value = parseVoltage(await run(["measure_volts", "core"], signal));
      return [gauge("Chouette.pi.voltage", value, { rail: "core" })];
    },
  };
  return {
    name: "pi",
    subject: "this Raspberry Pi",
    collect: async ({ signal, report }) => {
      const readings = metrics.map((metric) =>
        readers[metric](signal).catch((error: unknown) => {
          report(`${metric}: ${messageOf(error)}`);
          return [];
        }),
      );
      return (await Promise.all(readings)).flat();
    },
  };
}

async function readTemperature(sys: string, signal: AbortSignal): Promise<CollectedMetric[]> {
  const path = `${sys}/class/thermal/thermal_zone0/temp`;
  const value = Number.parseInt((await readOrUndefined(path, signal)) ?? "", 10) / 1000;
  if (Number.isNaN(value)) throw new Error(`${path} can't be read`);
  return [gauge("Chouette.pi.temperature", value)];
}

/** The firmware's flags as a number; undefined if the kernel doesn't show them. */
async function readFlags(sys: string, signal: AbortSignal): Promise<number | undefined> {
  const path = `${sys}/devices/platform/soc/soc:firmware/get_throttled`;
  const flags = Number.parseInt((await readOrUndefined(path, signal)) ?? "", 16);
  return Number.isNaN(flags) ? undefined : flags;
}

async function readArmClock(sys: string, signal: AbortSignal): Promise<CollectedMetric[]> {
  const path = `${sys}/devices/system/cpu/cpu0/cpufreq/scaling_cur_freq`;
  const kilohertz = Number.parseInt((await readOrUndefined(path, signal)) ?? "", 10);
  if (Number.isNaN(kilohertz)) throw new Error(`${path} can't be read`);
  return clockMetrics("arm", kilohertz * 1000);
}
