/** The boards for Datadog and Grafana: whatever they show exists, with the labels and tags that they group by. */
import { readFileSync } from "node:fs";
import { seconds } from "@chouette-iot/record";
import { describe, expect, it } from "vitest";
import { BUILT_IN } from "../packages/agent/src/collectors/built-in.js";
import { newAllDeliveries } from "../packages/agent/src/status/deliveries.js";
import { prometheusText } from "../packages/agent/src/status/prometheus.js";
import { selfMetrics } from "../packages/agent/src/status/self-metrics.js";
import type { Status } from "../packages/agent/src/status/status.js";

const read = (name: string) =>
  JSON.parse(readFileSync(new URL(`../deploy/boards/${name}.json`, import.meta.url), "utf8"));

/** A status with something of everything. @param count of all that is counted */
function statusWith(count: number): Status {
  const { requests } = newAllDeliveries().metrics;
  const delivery = {
    requests: { ...requests, delivered: count, refused: count },
    ...{ records: count, bytes: count, last: seconds(1), meanDelay: seconds(1) },
  };
  return {
    ...{ version: "1", host: "pi", pid: 1, at: seconds(10), uptime: seconds(9), stalled: [] },
    broker: {
      kind: "embedded",
      memory: { usedBytes: 1, maxBytes: 2 },
      disk: { contentBytes: 1, fileBytes: 1, segments: 1, runs: 1, writtenBytes: 1, writtenBytesPerDay: 1 },
    },
    output: { kind: "datadog" },
    ready: { ok: true },
    outages: [{ component: "Datadog", state: "unavailable", count: 1 }],
    collectors: [{ name: "host", consecutiveFailures: 0, lastMetrics: 1, refused: 0, undelivered: 0 }],
    deliveries: { metrics: delivery, logs: delivery, sketches: delivery, events: delivery, checks: delivery },
    sent: { today: 1, month: 1 },
    budget: { bytesPerDay: 1, deferred: { lowPriorityLogs: 1, logs: 1, collectedMetrics: 1 } },
    queues: [
      {
        name: "chouette:metrics:wrapped",
        ledger: {
          ...{ accepted: count, done: { delivered: count }, pending: 0 },
          ...{ dropped: { expired: count }, missing: 0, unknownLosses: 0 },
        },
        oldestAge: seconds(1),
      },
    ],
  };
}

/** Every string in a value, at any depth. */
function stringsIn(value: unknown): readonly string[] {
  if (typeof value === "string") return [value];
  if (typeof value !== "object" || value === null) return [];
  return Object.values(value).flatMap(stringsIn);
}

/** By metric: the tags that it may have, beside its host. */
async function datadogMetrics(): Promise<ReadonlyMap<string, ReadonlySet<string>>> {
  const tags = new Map<string, Set<string>>();
  const add = (name: string, keys: readonly string[]) =>
    tags.set(name, new Set([...(tags.get(name) ?? ["host"]), ...keys]));
  for (const { metric, tags: own } of selfMetrics(statusWith(1), statusWith(2), seconds(10)))
    add(
      metric,
      own.map((tag) => tag.split(":")[0] ?? ""),
    );
  for (const load of BUILT_IN.values())
    for (const { name, tags: own } of (await load()).description.metrics) add(name, own);
  return tags;
}

describe("the Datadog boards", () => {
  it.each([
    "datadog-dashboard",
    "datadog-monitors",
  ])("%s have metrics and tags that are sent", async (name) => {
    const known = await datadogMetrics();
    const queries = stringsIn(read(name)).flatMap((text) => [
      ...text.matchAll(/\b(?:avg|max|min|sum):([\w.]+)\{([^}]*)\}(?: by \{([^}]*)\})?/g),
    ]);
    expect(queries.length).toBeGreaterThan(5);
    for (const [query, metric = "", filter = "", groups = ""] of queries) {
      const tags = known.get(metric);
      expect(tags, query).toBeDefined();
      const filtered = filter.split(",").filter((part) => part !== "*" && part !== "$host");
      const keys = [...filtered.map((part) => part.replace(/^!/, "").split(":")[0]), ...groups.split(",")];
      expect(
        keys.filter((key) => key !== "" && !tags?.has(key ?? "")),
        query,
      ).toEqual([]);
    }
  });

  it("have monitors that name the groups which their queries make", () => {
    for (const { query, name, message } of read("datadog-monitors")) {
      const groups = /by \{([^}]*)\}/.exec(query)?.[1]?.split(",") ?? [];
      const named = [...`${name} ${message}`.matchAll(/\{\{(\w+)\.name\}\}/g)].map((match) => match[1]);
      expect(
        named.filter((group) => !groups.includes(group ?? "")),
        query,
      ).toEqual([]);
    }
  });
});

describe("the Grafana board", () => {
  it("has metrics and labels that /metrics has", () => {
    const samples = [...prometheusText(statusWith(1)).matchAll(/^(chouette_\w+)(?:\{(.*)\})? /gm)];
    const labels = new Map(
      samples.map(([, name = "", own = ""]) => [
        name,
        [...own.matchAll(/(\w+)="/g)].map((match) => match[1]),
      ]),
    );
    const { panels, templating } = read("grafana");
    const targets = panels.flatMap((panel: { readonly targets: readonly object[] }) => panel.targets);
    expect(targets.length).toBeGreaterThan(10);
    for (const { expr, legendFormat } of targets) {
      const name = /chouette_\w+/.exec(expr)?.[0] ?? "";
      expect(labels.has(name), expr).toBe(true);
      const shown = [...legendFormat.matchAll(/\{\{(\w+)\}\}/g)].map((match) => match[1]);
      expect(
        shown.filter((label) => label !== "instance" && !labels.get(name)?.includes(label)),
        expr,
      ).toEqual([]);
    }
    for (const name of stringsIn(templating)
      .join()
      .match(/chouette_\w+/g) ?? [])
      expect(labels.has(name)).toBe(true);
  });
});
