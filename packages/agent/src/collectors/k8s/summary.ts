/**
 * Metrics from the kubelet's summary.
 *
 * The type is Kubernetes' `Summary` (k8s.io/kubelet/pkg/apis/stats/v1alpha1). Depending on the container runtime, any part
 * may be missing; its metrics are then left out.
 */
import type { K8sMetrics, NodeMetric, PodMetric } from "../../config/collector-metrics.js";
import type { CollectedMetric } from "../collector.js";
import { gauge } from "../gauge.js";

type Figures = Readonly<Record<string, unknown>>;

interface Stats {
  readonly cpu?: Figures;
  readonly memory?: Figures;
}

export interface Summary {
  readonly node?: Stats & { readonly nodeName?: string; readonly network?: Figures; readonly fs?: Figures };
  readonly pods?: readonly PodStats[];
}

export interface PodStats extends Stats {
  readonly podRef?: { readonly name?: string; readonly namespace?: string };
  readonly network?: Figures;
  readonly containers?: readonly Stats[];
}

/** @throws if the text isn't a summary */
export function parseSummary(text: string): Summary {
  const summary: unknown = JSON.parse(text);
  if (typeof summary !== "object" || summary === null || !("node" in summary)) {
    throw new Error("the response isn't a kubelet's summary");
  }
  return summary as Summary;
}

export function summaryMetrics({ node = {}, pods = [] }: Summary, wanted: K8sMetrics): CollectedMetric[] {
  const running = gauge("Chouette.k8s.pods.running", pods.length);
  return [...nodeMetrics(node, wanted.node), ...pods.flatMap((pod) => podMetrics(pod, wanted.pods)), running];
}

const NODE_FIGURES = {
  cpu: ["usageNanoCores", "usageCoreNanoSeconds"],
  memory: ["rssBytes", "usageBytes", "availableBytes", "workingSetBytes"],
  network: ["rxBytes", "txBytes"],
  fs: ["availableBytes", "usedBytes"],
} as const;

function nodeMetrics(node: NonNullable<Summary["node"]>, wanted: readonly NodeMetric[]): CollectedMetric[] {
  const tags = { node_name: node.nodeName ?? "" };
  const wants = (...names: NodeMetric[]) => names.some((name) => wanted.includes(name));
  const metrics: CollectedMetric[] = [];
  const take = (part: keyof typeof NODE_FIGURES) => {
    const source = part === "network" ? traffic(node.network) : node[part];
    metrics.push(...figures(`Chouette.k8s.node.${part}`, source, NODE_FIGURES[part], tags));
  };
  if (wants("cpu")) take("cpu");
  if (wants("memory", "ram")) take("memory");
  if (wants("network")) take("network");
  if (wants("inodes")) metrics.push(...figures("Chouette.k8s.node.fs", node.fs, ["inodesFree"], tags));
  if (wants("fs", "filesystem")) take("fs");
  return metrics;
}

function podMetrics(pod: PodStats, wanted: readonly PodMetric[]): CollectedMetric[] {
  const { name, namespace } = pod.podRef ?? {};
  if (name === undefined || namespace === undefined) return [];
  const tags = { namespace, pod_name: name };
  const wants = (...names: PodMetric[]) => names.some((candidate) => wanted.includes(candidate));
  const prefix = "Chouette.k8s.pod";
  const metrics: CollectedMetric[] = [];
  if (wants("cpu")) {
    metrics.push(...figures(`${prefix}.cpu`, ofPod(pod, "cpu"), ["usageNanoCores"], tags));
  }
  if (wants("memory", "ram")) {
    metrics.push(...figures(`${prefix}.memory`, ofPod(pod, "memory"), ["rssBytes", "usageBytes"], tags));
  }
  if (wants("network")) {
    metrics.push(...figures(`${prefix}.network`, traffic(pod.network), ["rxBytes", "txBytes"], tags));
  }
  return metrics;
}

/** The pod's figures, or, if the runtime has none, the sums of its containers. */
function ofPod(pod: PodStats, part: "cpu" | "memory"): Figures | undefined {
  if (pod[part] !== undefined) return pod[part];
  const sums: Record<string, number> = {};
  for (const container of pod.containers ?? []) {
    for (const [figure, value] of Object.entries(container[part] ?? {})) {
      if (typeof value === "number") sums[figure] = (sums[figure] ?? 0) + value;
    }
  }
  return sums;
}

/** Interfaces of the container network: their traffic is counted at another interface, or stays on the node. */
const VIRTUAL =
  /^(lo$|veth|cali|cni|docker|br-|flannel|cilium|lxc|tunl|vxlan|weave|kube|nodelocaldns|dummy|ifb)/;

/** Figures of the default interface. A kubelet that finds none lists all interfaces: then the sum of the physical ones. */
function traffic(network: Figures | undefined): Figures | undefined {
  if (typeof network?.rxBytes === "number" || !Array.isArray(network?.interfaces)) return network;
  const physical = network.interfaces.filter(
    (one: Figures | null) => typeof one?.name === "string" && !VIRTUAL.test(one.name),
  );
  const sum = (figure: "rxBytes" | "txBytes") =>
    physical.reduce((total, one) => total + (typeof one[figure] === "number" ? one[figure] : 0), 0);
  return physical.length === 0 ? undefined : { rxBytes: sum("rxBytes"), txBytes: sum("txBytes") };
}

function figures(
  prefix: string,
  source: Figures | undefined,
  names: readonly string[],
  tags: Readonly<Record<string, string>>,
): CollectedMetric[] {
  return names.flatMap((name) => {
    const value = source?.[name];
    return typeof value === "number" ? [gauge(`${prefix}.${name}`, value, tags)] : [];
  });
}
