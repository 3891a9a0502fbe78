/** The gpu collector: load, memory, temperature and power of NVIDIA GPUs, by one run of nvidia-smi a round. */
import type { Collector, CollectorContext } from "../collector.js";
import { type CollectorDescription, metricTable } from "../description.js";
import { runProgram } from "../program.js";
import { FIELDS, gpuMetrics } from "./nvidia-smi.js";

const GPU = ["gpu", "model"];

export const description: CollectorDescription = {
  name: "gpu",
  sees: "NVIDIA GPUs, but not those of a Jetson (`tegrastats`).",
  reads: "`nvidia-smi --query-gpu`. Values that a GPU doesn't report are left out.",
  needs:
    "`nvidia-smi`. With `nvidia-smi -pm 1`, the driver stays loaded between rounds, which makes them faster.",
  costs: "One process per round.",
  settings: ["nvidiaSmiPath"],
  metrics: metricTable("Chouette.gpu", [
    ["usage", "percent", GPU, "Time in which the GPU was busy"],
    ["memory.usage", "percent", GPU, "Time in which its memory was read or written"],
    ["memory.used", "byte", GPU, "Memory in use"],
    ["memory.total", "byte", GPU, "Installed memory"],
    ["temperature", "degree celsius", GPU, "Temperature of the chip"],
    ["power", "watt", GPU, "Power"],
    ["fan", "percent", GPU, "Speed of the fan"],
  ]),
};

export function open({ settings }: Pick<CollectorContext, "settings">): Collector {
  return gpuCollector(settings.nvidiaSmiPath);
}

export function gpuCollector(nvidiaSmi: string): Collector {
  const args = [`--query-gpu=${FIELDS.join(",")}`, "--format=csv,noheader,nounits"];
  return {
    name: "gpu",
    subject: nvidiaSmi,
    collect: async ({ signal }) => gpuMetrics(await runProgram(nvidiaSmi, args, { signal })),
  };
}
