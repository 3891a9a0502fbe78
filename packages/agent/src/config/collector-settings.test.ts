import { describe, expect, it } from "vitest";
import { loadConfig } from "./config.js";

function load(env: Readonly<Record<string, string>>) {
  const loaded = loadConfig(env);
  return loaded.ok ? loaded.config.settings : loaded.problems;
}

describe("the collectors' settings", () => {
  it("take lists as JSON or with commas, and are the original's where nothing is set", () => {
    expect(load({})).toMatchObject({
      collectorPlugins: [],
      captureInterval: 30,
      hostMetrics: ["cpu", "fs", "la", "ram"],
      k8sMetrics: { pods: ["memory", "cpu"], node: ["inodes"] },
      k8sStatsServicePort: 10_250,
      tegrastatsMetrics: ["ram", "temp"],
      dockerMetrics: ["memory", "cpu"],
      k8sInsecure: false,
    });
    expect(load({ COLLECTOR_PLUGINS: '["host", "k8s"]' })).toMatchObject({
      collectorPlugins: ["host", "k8s"],
    });
    expect(load({ COLLECTOR_PLUGINS: "host, ./mine.mjs" })).toMatchObject({
      collectorPlugins: ["host", "./mine.mjs"],
    });
  });

  it("take the structures of k8s and exec as JSON", () => {
    expect(load({ K8S_METRICS: '{"node":["ram","memory"]}' })).toMatchObject({
      k8sMetrics: { pods: [], node: ["ram", "memory"] },
    });
    const programs = [{ name: "ups", command: ["/bin/ups", "-b"], timeout: 5 }];
    expect(load({ EXEC_COLLECTORS: JSON.stringify(programs) })).toMatchObject({ execCollectors: programs });
  });

  it("are refused by name where they are wrong, with what was expected", () => {
    const wrong: Readonly<Record<string, string>> = {
      K8S_METRICS: '{"pods":"moon"}',
      K8S_INSECURE: "perhaps",
      EXEC_COLLECTORS: '[{"name":"ups","command":[]}]',
      SYSTEMD_UNITS: "--all",
      CAPTURE_INTERVAL: "0",
      MQTT_COLLECTOR_URL: "http://a",
    };
    for (const [name, value] of Object.entries(wrong)) {
      expect(load({ [name]: value })).toEqual([expect.stringMatching(`^${name}: expected `)]);
    }
  });

  it("ignore names that they don't know, with a warning that lists those that there are", () => {
    const names = {
      HOST_COLLECTOR_METRICS: "cpu,moon",
      K8S_METRICS: '{"pods":["moon","cpu"],"node":["stars"]}',
      DOCKER_METRICS: "moon",
    };
    const loaded = loadConfig(names);
    if (!loaded.ok) throw new Error(loaded.problems.join("\n"));
    expect(loaded.config.settings).toMatchObject({
      hostMetrics: ["cpu"],
      k8sMetrics: { pods: ["cpu"], node: [] },
      dockerMetrics: [],
    });
    expect(loaded.config.warnings).toEqual([
      expect.stringMatching(/^HOST_COLLECTOR_METRICS: ignoring "moon": the known names are cpu, fs, /),
      expect.stringMatching(/^DOCKER_METRICS: ignoring "moon"/),
      expect.stringMatching(/^K8S_METRICS: ignoring "moon": .*; ignoring "stars": /),
    ]);
  });

  it("show no secret where one is wrong", () => {
    for (const name of [
      "REDIS_COLLECTOR_URLS",
      "DRAMATIQ_REDIS_URL",
      "BULLMQ_REDIS_URL",
      "MQTT_COLLECTOR_URL",
    ]) {
      const [problem] = load({ [name]: "htp://user:hunter2@host" }) as readonly string[];
      expect(problem).toContain(name);
      expect(problem).not.toContain("hunter2");
    }
  });
});
