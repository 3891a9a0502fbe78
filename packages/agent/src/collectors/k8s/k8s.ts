/**
 * The k8s collector: a node and its pods, from the kubelet's summary.
 *
 * It makes one request a round, to the kubelet of its own node; it doesn't use the API server.
 */
import type { K8sMetrics } from "../../config/collector-metrics.js";
import { shownAddress } from "../../runtime/address.js";
import type { Collector, CollectorContext } from "../collector.js";
import { type CollectorDescription, metricTable } from "../description.js";
import { Kubelet, type KubeletOptions } from "./kubelet.js";
import { parseSummary, summaryMetrics } from "./summary.js";

export const description: CollectorDescription = {
  name: "k8s",
  sees: "A Kubernetes node and its pods.",
  reads:
    "`/stats/summary` of the node's kubelet, over HTTPS. If a pod has no figures, those of its containers are summed up.",
  needs:
    "A client certificate that the kubelet accepts (`K8S_CERT_PATH`, `K8S_KEY_PATH`), or a token of an account with `get` on " +
    "`nodes/stats`; and the certificate authority of the kubelet. In a pod, the token and authority of the service account are " +
    "used by default. If the certificate has the node's name and not its address, set `K8S_SERVER_NAME`.",
  costs: "One request with a resumed TLS session; the answer grows with the number of containers.",
  settings: [
    "k8sStatsServiceIp",
    "k8sStatsServicePort",
    "k8sCertPath",
    "k8sKeyPath",
    "k8sCaPath",
    "k8sTokenPath",
    "k8sServerName",
    "k8sInsecure",
    "k8sMetrics",
  ],
  metrics: metricTable("Chouette.k8s", [
    ["node.cpu.usageNanoCores", "nanocore", ["node_name"], "CPU in use (`cpu`)"],
    ["node.cpu.usageCoreNanoSeconds", "nanosecond", ["node_name"], "CPU time since boot (`cpu`)"],
    ["node.memory.rssBytes", "byte", ["node_name"], "Anonymous memory (`memory`, `ram`)"],
    ["node.memory.usageBytes", "byte", ["node_name"], "Memory in use, caches included (`memory`, `ram`)"],
    ["node.memory.availableBytes", "byte", ["node_name"], "Available memory (`memory`, `ram`)"],
    [
      "node.memory.workingSetBytes",
      "byte",
      ["node_name"],
      "Memory that can't be reclaimed (`memory`, `ram`)",
    ],
    ["node.network.rxBytes", "byte", ["node_name"], "Received since boot (`network`)"],
    ["node.network.txBytes", "byte", ["node_name"], "Sent since boot (`network`)"],
    ["node.fs.inodesFree", "inode", ["node_name"], "Free inodes (`inodes`)"],
    ["node.fs.availableBytes", "byte", ["node_name"], "Available space (`fs`, `filesystem`)"],
    ["node.fs.usedBytes", "byte", ["node_name"], "Space in use (`fs`, `filesystem`)"],
    ["pod.cpu.usageNanoCores", "nanocore", ["namespace", "pod_name"], "CPU in use (`cpu`)"],
    ["pod.memory.rssBytes", "byte", ["namespace", "pod_name"], "Anonymous memory (`memory`, `ram`)"],
    [
      "pod.memory.usageBytes",
      "byte",
      ["namespace", "pod_name"],
      "Memory in use, caches included (`memory`, `ram`)",
    ],
    ["pod.network.rxBytes", "byte", ["namespace", "pod_name"], "Received since the pod's start (`network`)"],
    ["pod.network.txBytes", "byte", ["namespace", "pod_name"], "Sent since the pod's start (`network`)"],
    ["pods.running", "", [], "Pods in the summary"],
  ]),
};

const SERVICE_ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount";

export function open({ settings, log }: Pick<CollectorContext, "settings" | "log">): Collector {
  if (settings.k8sStatsServiceIp === undefined) throw new Error("K8S_STATS_SERVICE_IP is not set");
  if (settings.k8sInsecure) {
    log.warn({}, "K8S_INSECURE is set: the kubelet's certificate is not verified");
  }
  const kubelet: KubeletOptions = {
    host: settings.k8sStatsServiceIp,
    port: settings.k8sStatsServicePort,
    certPath: settings.k8sCertPath,
    keyPath: settings.k8sKeyPath,
    caPath: settings.k8sCaPath,
    tokenPath: settings.k8sTokenPath,
    serverName: settings.k8sServerName,
    serviceAccount: SERVICE_ACCOUNT,
    insecure: settings.k8sInsecure,
  };
  return k8sCollector(kubelet, settings.k8sMetrics);
}

export function k8sCollector(options: KubeletOptions, metrics: K8sMetrics): Collector {
  const kubelet = new Kubelet(options);
  return {
    name: "k8s",
    subject: `the kubelet at ${shownAddress(options)}${options.insecure ? ", not verified" : ""}`,
    collect: async ({ signal }) =>
      summaryMetrics(parseSummary(await kubelet.get("/stats/summary", signal)), metrics),
    close: () => kubelet.close(),
  };
}
