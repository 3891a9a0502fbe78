/**
 * The tegrastats collector: memory, temperatures, load and power of an NVIDIA Jetson.
 *
 * It keeps one tegrastats process running at the collectors' interval and reads its last line, which is at most one
 * interval old. If the process ended, the next round restarts it and waits for its first line.
 */
import { milliseconds } from "@chouette-iot/record";
import type { TegrastatsMetric } from "../../config/collector-metrics.js";
import type { Collector, CollectorContext } from "../collector.js";
import { type CollectorDescription, metricTable } from "../description.js";
import { RunningProgram } from "../running-program.js";
import { lineMetrics } from "./line.js";

export const description: CollectorDescription = {
  name: "tegrastats",
  sees: "An NVIDIA Jetson (Nano, TX2, Xavier, Orin): memory, temperatures, load, power.",
  reads:
    "The last line of a `tegrastats` process that runs at `CAPTURE_INTERVAL` and is restarted if it ends.",
  needs: "A Jetson with `tegrastats`. Some boards show power only to root.",
  costs: "One process that sleeps between its lines; a round parses one line.",
  settings: ["tegrastatsMetrics", "tegrastatsPath"],
  metrics: metricTable("Chouette.tegrastats", [
    ["ram.used", "byte", [], "Memory in use (`ram`)"],
    ["ram.free", "byte", [], "Free memory (`ram`)"],
    ["temperature", "degree celsius", ["zone"], "Every zone that is on, except PMIC (`temp`)"],
    ["swap.used", "byte", [], "Swap in use (`swap`)"],
    ["swap.free", "byte", [], "Free swap (`swap`)"],
    ["gpu.usage", "percent", [], "Load of the GPU (`gpu`)"],
    ["emc.usage", "percent", [], "Load of the memory controller (`emc`)"],
    ["cpu.usage", "percent", ["core"], "Load of each core that is on (`cpu`)"],
    ["cpu.frequency", "hertz", ["core"], "Clock of each core that is on (`cpu`)"],
    ["power", "watt", ["rail"], "Power of each rail (`power`)"],
  ]),
};

export interface TegrastatsOptions {
  readonly metrics: readonly TegrastatsMetric[];
  readonly path: string;
  /** Seconds between two lines. */
  readonly interval: number;
}

export function open({ settings }: Pick<CollectorContext, "settings">): Collector {
  const { tegrastatsMetrics: metrics, tegrastatsPath: path, captureInterval: interval } = settings;
  return tegrastatsCollector({ metrics, path, interval });
}

export function tegrastatsCollector({ metrics, path, interval }: TegrastatsOptions): Collector {
  const oldest = milliseconds(3000 * interval);
  const program = new RunningProgram(path, ["--interval", `${interval * 1000}`], oldest);
  return {
    name: "tegrastats",
    subject: path,
    collect: async ({ clock, signal }) => {
      const line = await program.line(clock, signal);
      const collected = lineMetrics(line, metrics);
      if (collected.length === 0) throw new Error(`the output of ${path} has none of ${metrics.join(", ")}`);
      return collected;
    },
    close: () => program.close(),
  };
}
