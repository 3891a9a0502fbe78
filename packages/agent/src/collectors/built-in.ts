/** The built-in collectors. Each is loaded, with its library, only if it is switched on. */
import type { BuiltIn } from "./collector.js";

export const BUILT_IN: ReadonlyMap<string, () => Promise<BuiltIn>> = new Map<string, () => Promise<BuiltIn>>([
  ["host", () => import("./host/host.js")],
  ["thermal", () => import("./thermal.js")],
  ["pi", () => import("./pi/pi.js")],
  ["docker", () => import("./docker/docker.js")],
  ["k8s", () => import("./k8s/k8s.js")],
  ["tegrastats", () => import("./tegrastats/tegrastats.js")],
  ["redis", () => import("./redis/redis.js")],
  ["dramatiq", () => import("./redis/dramatiq.js")],
  ["bullmq", () => import("./redis/bullmq.js")],
  ["gpu", () => import("./gpu/gpu.js")],
  ["systemd", () => import("./systemd/systemd.js")],
  ["mqtt", () => import("./mqtt/mqtt.js")],
]);
