/** Bytes sent and received by each network interface since boot, from /proc/net/dev. */
import type { CollectedMetric } from "../collector.js";
import { gauge } from "../gauge.js";
import { readKernelFile } from "../kernel-files.js";

export interface Traffic {
  readonly iface: string;
  readonly received: number;
  readonly sent: number;
}

const RECEIVED = 0;
const SENT = 8;

export function parseNetDev(text: string): readonly Traffic[] {
  const interfaces: Traffic[] = [];
  for (const line of text.split("\n")) {
    // The two heading lines have no colon. Names of aliases contain one.
    const colon = line.lastIndexOf(":");
    if (colon < 0) continue;
    const fields = line
      .slice(colon + 1)
      .trim()
      .split(/\s+/);
    const iface = line.slice(0, colon).trim();
    interfaces.push({ iface, received: Number(fields[RECEIVED]), sent: Number(fields[SENT]) });
  }
  return interfaces;
}

export function networkMetrics(interfaces: readonly Traffic[]): CollectedMetric[] {
  return interfaces
    .filter(({ iface }) => iface !== "lo")
    .flatMap(({ iface, received, sent }) => [
      gauge("Chouette.host.network.bytes.sent", sent, { iface }),
      gauge("Chouette.host.network.bytes.recv", received, { iface }),
    ]);
}

/** @param pid a process, whose network namespace is used */
export function networkReader(proc: string, pid: string): () => readonly CollectedMetric[] {
  return () => {
    const interfaces = parseNetDev(readKernelFile(`${proc}/${pid}/net/dev`));
    if (interfaces.length === 0) throw new Error("net/dev lists no interface, not even lo");
    return networkMetrics(interfaces);
  };
}
