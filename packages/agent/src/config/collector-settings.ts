/** The collectors' settings: which collectors run and how often, then those of each collector. */
import { z } from "zod";
import {
  DOCKER_METRICS,
  HOST_METRICS,
  type K8sMetrics,
  NODE_METRICS,
  PI_METRICS,
  POD_METRICS,
  TEGRASTATS_METRICS,
} from "./collector-metrics.js";
import { ignoredNames, type Kind, list, port, someOf, text, url, wholeNumber, yesOrNo } from "./kinds.js";
import { redisUrl, redisUrls } from "./redis-kinds.js";
import { type Setting, setting } from "./setting.js";

function json<T>(schema: z.ZodType<T>, expected: string): Kind<T> {
  const parsed = z.string().transform((value, context): unknown => {
    try {
      return JSON.parse(value);
    } catch {
      context.addIssue("not JSON");
      return z.NEVER;
    }
  });
  return { expected, schema: parsed.pipe(schema) };
}

const K8S_NAMES = { pods: new Set<string>(POD_METRICS), node: new Set<string>(NODE_METRICS) };

const k8sLists = json(
  z.object({ pods: z.array(z.string()).default([]), node: z.array(z.string()).default([]) }),
  `JSON such as {"pods":["memory","cpu"],"node":["inodes"]}; pods: ${POD_METRICS.join(", ")}; node: ${NODE_METRICS.join(", ")}`,
);

const k8sMetrics: Kind<K8sMetrics> = {
  expected: k8sLists.expected,
  schema: k8sLists.schema
    .transform(({ pods, node }) => ({
      pods: pods.filter((name) => K8S_NAMES.pods.has(name)),
      node: node.filter((name) => K8S_NAMES.node.has(name)),
    }))
    .pipe(z.object({ pods: z.array(z.enum(POD_METRICS)), node: z.array(z.enum(NODE_METRICS)) })),
  warning: (text) => {
    const { pods = [], node = [] } = k8sLists.schema.safeParse(text).data ?? {};
    const warnings = [ignoredNames(pods, K8S_NAMES.pods), ignoredNames(node, K8S_NAMES.node)];
    return warnings.filter((warning) => warning !== undefined).join("; ") || undefined;
  },
};

const programs = json(
  z.array(
    z.object({
      name: z.string().min(1),
      /** The program and its arguments; no shell is involved. */
      command: z.tuple([z.string().min(1)], z.string()),
      /** Seconds. */
      timeout: z.number().positive().optional(),
      /** Names of variables to pass on. */
      env: z.array(z.string().min(1)).optional(),
    }),
  ),
  'JSON such as [{"name":"ups","command":["/usr/local/bin/ups","--brief"],"timeout":5}]',
);

export const COLLECTOR_SETTINGS = {
  collectorPlugins: setting(
    ["COLLECTOR_PLUGINS"],
    list(z.string().min(1), "names of collectors, paths or packages"),
    [],
    "The collectors that run: built-in ones by name, others by path or package",
  ),
  captureInterval: setting(
    ["CAPTURE_INTERVAL"],
    wholeNumber(1, 86_400, "seconds"),
    30,
    "How often collectors run",
  ),
  collectorDeadline: setting(
    ["COLLECTOR_DEADLINE"],
    wholeNumber(1, 3600, "seconds"),
    10,
    "Time limit of a collector; at most CAPTURE_INTERVAL",
  ),
  hostMetrics: setting(
    ["HOST_COLLECTOR_METRICS"],
    someOf(HOST_METRICS),
    ["cpu", "fs", "la", "ram"] as const,
    "Metrics of the host collector",
  ),
  hostProc: setting(["HOST_PROC"], text("a folder"), "/proc", "Mount point of the host's /proc"),
  hostSys: setting(["HOST_SYS"], text("a folder"), "/sys", "Mount point of the host's /sys"),
  hostRoot: setting(["HOST_ROOT"], text("a folder"), "/", "Mount point of the host's /"),
  piMetrics: setting(
    ["PI_METRICS"],
    someOf(PI_METRICS),
    ["temp", "throttled", "clock"] as const,
    "Metrics of the pi collector; core_clock and voltage need vcgencmd",
  ),
  vcgencmdPath: setting(["VCGENCMD_PATH"], text("a program"), "vcgencmd", "The program vcgencmd"),
  dockerMetrics: setting(
    ["DOCKER_METRICS"],
    someOf(DOCKER_METRICS),
    ["memory", "cpu"] as const,
    "Metrics of the docker collector; by default those of the Python agent",
  ),
  dockerSocketPath: setting(
    ["DOCKER_SOCKET_PATH"],
    text("the path of a socket"),
    "/var/run/docker.sock",
    "The socket of Docker, or of Podman's compatible service",
  ),
  k8sStatsServiceIp: setting(
    ["K8S_STATS_SERVICE_IP"],
    text("an address"),
    undefined,
    "The node's address, preferably its internal one, which works without the link",
  ),
  k8sStatsServicePort: setting(["K8S_STATS_SERVICE_PORT"], port(), 10_250, "The kubelet's port"),
  k8sCertPath: setting(["K8S_CERT_PATH"], text("a file"), undefined, "The client's certificate, PEM"),
  k8sKeyPath: setting(["K8S_KEY_PATH"], text("a file"), undefined, "The client's key, PEM"),
  k8sCaPath: setting(
    ["K8S_CA_PATH"],
    text("a file"),
    undefined,
    "The authority that signed the kubelet's certificate; in a pod, the cluster's by default",
  ),
  k8sTokenPath: setting(
    ["K8S_TOKEN_PATH"],
    text("a file"),
    undefined,
    "A token, to use without a client certificate; in a pod, the service account's by default",
  ),
  k8sServerName: setting(
    ["K8S_SERVER_NAME"],
    text("a host name"),
    undefined,
    "The name in the kubelet's certificate, if it isn't the address",
  ),
  k8sInsecure: setting(
    ["K8S_INSECURE"],
    yesOrNo(),
    false,
    "Accepts any certificate: doesn't verify that the kubelet answers",
  ),
  k8sMetrics: setting(
    ["K8S_METRICS"],
    k8sMetrics,
    { pods: ["memory", "cpu"], node: ["inodes"] } as const,
    "Metrics of the k8s collector",
  ),
  tegrastatsMetrics: setting(
    ["TEGRASTATS_METRICS"],
    someOf(TEGRASTATS_METRICS),
    ["ram", "temp"] as const,
    "Metrics of the tegrastats collector",
  ),
  tegrastatsPath: setting(
    ["TEGRASTATS_PATH"],
    text("a program"),
    "/usr/bin/tegrastats",
    "The program tegrastats",
  ),
  dramatiqRedisUrl: setting(
    ["DRAMATIQ_REDIS_URL"],
    redisUrl(),
    undefined,
    "The Redis server of the dramatiq queues, by default the agent's",
    { secret: true },
  ),
  bullmqRedisUrl: setting(
    ["BULLMQ_REDIS_URL"],
    redisUrl(),
    undefined,
    "The Redis server of the BullMQ queues, by default the agent's",
    { secret: true },
  ),
  bullmqPrefix: setting(["BULLMQ_PREFIX"], text("a prefix of keys"), "bull", "Prefix of BullMQ's keys"),
  redisCollectorUrls: setting(
    ["REDIS_COLLECTOR_URLS"],
    redisUrls(),
    [],
    "The Redis servers to watch, by default the agent's",
    { secret: true },
  ),
  nvidiaSmiPath: setting(["NVIDIA_SMI_PATH"], text("a program"), "nvidia-smi", "The program nvidia-smi"),
  systemdUnits: setting(
    ["SYSTEMD_UNITS"],
    list(z.string().regex(/^[^-]/), "names of units, such as ssh.service"),
    [],
    "The units to report",
  ),
  systemctlPath: setting(["SYSTEMCTL_PATH"], text("a program"), "systemctl", "The program systemctl"),
  mqttCollectorUrl: setting(
    ["MQTT_COLLECTOR_URL"],
    url(["mqtt:", "mqtts:"], "mqtt://user:password@host:port, or mqtts:// for TLS"),
    "mqtt://127.0.0.1:1883",
    "The Mosquitto broker to watch",
    { secret: true },
  ),
  execCollectors: setting(
    ["EXEC_COLLECTORS"],
    programs,
    [],
    "Your own programs, whose output is read as metrics; each is a separate collector",
  ),
} as const;

export type SettingName = keyof typeof COLLECTOR_SETTINGS;

export type CollectorSettings = {
  readonly [Name in SettingName]: (typeof COLLECTOR_SETTINGS)[Name] extends Setting<infer T, infer D>
    ? T | D
    : never;
};
