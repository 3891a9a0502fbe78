/**
 * Metrics of the Node runtime, with dd-trace's names and units: `runtime.node.*`, event loop and garbage collection in
 * nanoseconds, memory in bytes, CPU in percent of one core.
 *
 * Promises: it doesn't keep the process alive, and stopping it leaves nothing behind.
 */
import { constants, monitorEventLoopDelay, PerformanceObserver, performance } from "node:perf_hooks";
import { startInterval, stopInterval } from "@chouette-iot/record/host";
import { ChouetteClient } from "./client.js";

export interface RuntimeMetricsOptions {
  /** The default client by default. */
  readonly client?: ChouetteClient;
  /** Milliseconds between two collections; 10,000 by default. */
  readonly interval?: number;
}

interface Pause {
  count: number;
  nanoseconds: number;
}

/** The used part of a performance entry. */
interface GcEntry {
  /** Milliseconds. */
  readonly duration: number;
  readonly detail?: unknown;
}

const GC_KINDS: Readonly<Record<number, string>> = {
  [constants.NODE_PERFORMANCE_GC_MAJOR]: "mark_sweep_compact",
  [constants.NODE_PERFORMANCE_GC_MINOR]: "scavenge",
  [constants.NODE_PERFORMANCE_GC_INCREMENTAL]: "incremental_marking",
  [constants.NODE_PERFORMANCE_GC_WEAKCB]: "process_weak_callbacks",
};

/** Collects metrics at each interval. @returns a function that stops it */
export function collectRuntimeMetrics(options: RuntimeMetricsOptions = {}): () => void {
  const { client = ChouetteClient.default, interval = 10_000 } = options;
  const delay = monitorEventLoopDelay({ resolution: 10 });
  delay.enable();
  const pauses = new Map<string, Pause>();
  const observer = new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) addPause(pauses, entry);
  });
  observer.observe({ entryTypes: ["gc"] });
  let cpu = process.cpuUsage();
  let loop = performance.eventLoopUtilization();
  let lastTime = performance.now();

  const collect = () => {
    const now = performance.now();
    const used = process.cpuUsage(cpu);
    const elapsed = now - lastTime;
    reportCpu(client, used, elapsed);
    client.gauge("runtime.node.event_loop.utilization", performance.eventLoopUtilization(loop).utilization);
    reportDelay(client, delay);
    reportMemory(client);
    reportPauses(client, pauses);
    client.gauge("runtime.node.process.uptime", Math.round(process.uptime()));
    client.gauge("runtime.node.process.active_handles", process.getActiveResourcesInfo().length);
    cpu = process.cpuUsage();
    loop = performance.eventLoopUtilization();
    lastTime = now;
  };
  const timer = startInterval(collect, interval);
  return () => {
    stopInterval(timer);
    delay.disable();
    observer.disconnect();
  };
}

function addPause(pauses: Map<string, Pause>, entry: GcEntry): void {
  const { detail } = entry;
  const kind = typeof detail === "object" && detail !== null && "kind" in detail ? Number(detail.kind) : 0;
  const name = GC_KINDS[kind] ?? "unknown";
  const pause = pauses.get(name) ?? { count: 0, nanoseconds: 0 };
  pause.count++;
  pause.nanoseconds += entry.duration * 1e6;
  pauses.set(name, pause);
}

/** @param elapsed milliseconds */
function reportCpu(client: ChouetteClient, { user, system }: NodeJS.CpuUsage, elapsed: number): void {
  const percent = (microseconds: number) => microseconds / 10 / elapsed;
  client.gauge("runtime.node.cpu.user", percent(user));
  client.gauge("runtime.node.cpu.system", percent(system));
  client.gauge("runtime.node.cpu.total", percent(user + system));
}

function reportDelay(client: ChouetteClient, delay: ReturnType<typeof monitorEventLoopDelay>): void {
  // Without samples, minimum and maximum have no meaning.
  if (delay.count > 0) {
    client.gauge("runtime.node.event_loop.delay.avg", delay.mean);
    client.gauge("runtime.node.event_loop.delay.median", delay.percentile(50));
    client.gauge("runtime.node.event_loop.delay.99percentile", delay.percentile(99));
    client.gauge("runtime.node.event_loop.delay.max", delay.max);
  }
  delay.reset();
}

function reportMemory(client: ChouetteClient): void {
  const { rss, heapTotal, heapUsed, external } = process.memoryUsage();
  client.gauge("runtime.node.mem.rss", rss);
  client.gauge("runtime.node.mem.heap_total", heapTotal);
  client.gauge("runtime.node.mem.heap_used", heapUsed);
  client.gauge("runtime.node.mem.external", external);
}

function reportPauses(client: ChouetteClient, pauses: Map<string, Pause>): void {
  for (const [kind, { count, nanoseconds }] of pauses) {
    const options = { tags: { gc_type: kind } };
    client.count("runtime.node.gc.pause.by.type.count", count, options);
    client.count("runtime.node.gc.pause.by.type.sum", nanoseconds, options);
  }
  pauses.clear();
}
