import { describe, expect, it } from "vitest";
import { NODE_METRICS, POD_METRICS } from "../../config/collector-metrics.js";
import { parseSummary, summaryMetrics } from "./summary.js";

const SUMMARY = parseSummary(
  JSON.stringify({
    node: {
      nodeName: "pi4",
      startTime: "2026-01-01T00:00:00Z",
      cpu: { time: "2026-01-02T00:00:00Z", usageNanoCores: 153_000_000, usageCoreNanoSeconds: 9_000_000_000 },
      memory: {
        availableBytes: 3_000,
        usageBytes: 2_000,
        workingSetBytes: 1_500,
        rssBytes: 1_000,
        pageFaults: 9,
      },
      network: { name: "eth0", rxBytes: 10, rxErrors: 0, txBytes: 0, interfaces: [{ name: "eth0" }] },
      fs: { availableBytes: 50, capacityBytes: 100, usedBytes: 50, inodesFree: 7, inodes: 10, inodesUsed: 3 },
    },
    pods: [
      {
        podRef: { name: "web-1", namespace: "default", uid: "1" },
        cpu: { usageNanoCores: 0, usageCoreNanoSeconds: 5 },
        memory: { usageBytes: 300, workingSetBytes: 200, rssBytes: 100 },
        network: { rxBytes: 1, txBytes: 2 },
        containers: [{ name: "web", cpu: { usageNanoCores: 99 }, memory: { rssBytes: 99 } }],
      },
      {
        podRef: { name: "old-1", namespace: "kube-system", uid: "2" },
        containers: [
          { name: "a", cpu: { usageNanoCores: 5 }, memory: { usageBytes: 10, rssBytes: 1 } },
          { name: "b", cpu: { usageNanoCores: 6 }, memory: { usageBytes: 20, rssBytes: 2 } },
        ],
      },
      { podRef: { name: "starting-1", namespace: "default" } },
    ],
  }),
);

function read(wanted: Parameters<typeof summaryMetrics>[1]) {
  return summaryMetrics(SUMMARY, wanted).map(({ name, value, tags }) =>
    [name.replace("Chouette.k8s.", ""), value, ...Object.values(tags ?? {})].join(" "),
  );
}

describe("the kubelet's summary", () => {
  it("gives what is asked for by default: memory and CPU of pods, inodes of the node, the number of pods", () => {
    expect(read({ pods: ["memory", "cpu"], node: ["inodes"] })).toEqual([
      "node.fs.inodesFree 7 pi4",
      "pod.cpu.usageNanoCores 0 default web-1",
      "pod.memory.rssBytes 100 default web-1",
      "pod.memory.usageBytes 300 default web-1",
      "pod.cpu.usageNanoCores 11 kube-system old-1",
      "pod.memory.rssBytes 3 kube-system old-1",
      "pod.memory.usageBytes 30 kube-system old-1",
      "pods.running 3",
    ]);
  });

  it("gives the node's memory as memory or ram, once, and its file system as fs or filesystem", () => {
    const memory = read({ pods: [], node: ["memory"] });
    expect(memory).toEqual([
      "node.memory.rssBytes 1000 pi4",
      "node.memory.usageBytes 2000 pi4",
      "node.memory.availableBytes 3000 pi4",
      "node.memory.workingSetBytes 1500 pi4",
      "pods.running 3",
    ]);
    expect(read({ pods: [], node: ["ram"] })).toEqual(memory);
    expect(read({ pods: [], node: ["ram", "memory"] })).toEqual(memory);
    expect(read({ pods: [], node: ["filesystem"] })).toEqual(read({ pods: [], node: ["fs"] }));
  });

  it("gives all, and 0 where there is a 0", () => {
    const all = read({ pods: POD_METRICS, node: NODE_METRICS });
    expect(all).toContain("node.network.txBytes 0 pi4");
    expect(all).toContain("node.cpu.usageCoreNanoSeconds 9000000000 pi4");
    expect(all).toContain("pod.network.txBytes 2 default web-1");
    expect(all).toHaveLength(11 + 5 + 3 + 1);
  });

  it("sums the physical interfaces if the kubelet found no default one", () => {
    const interfaces = [
      { name: "enp3s0", rxBytes: 100, txBytes: 10 },
      { name: "wlan0", rxBytes: 1, txBytes: 2 },
      { name: "veth1a2b", rxBytes: 5_000, txBytes: 5_000 },
      { name: "cali9", rxBytes: 5_000, txBytes: 5_000 },
      { name: "cni0", rxBytes: 5_000, txBytes: 5_000 },
      null,
      { name: 7 },
    ];
    const summary = parseSummary(
      JSON.stringify({ node: { nodeName: "pi4", network: { name: "", interfaces } } }),
    );
    const metrics = summaryMetrics(summary, { pods: [], node: ["network"] });
    expect(metrics.map(({ value }) => value)).toEqual([101, 12, 0]);
  });

  it("is refused where it is none", () => {
    expect(() => parseSummary('{"kind":"Status","code":401}')).toThrow("isn't a kubelet's summary");
    expect(() => parseSummary("Unauthorized")).toThrow();
  });
});
