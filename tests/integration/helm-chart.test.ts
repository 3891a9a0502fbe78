/** The Helm chart creates the same objects as the manifests for kustomize, of the same version, for any image. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Ajv } from "ajv";
import { expect, it } from "vitest";
import { parse, parseAllDocuments } from "yaml";
import { renderTemplate } from "../support/helm-chart.js";

const root = fileURLToPath(new URL("../..", import.meta.url));
const read = (path: string) => readFileSync(join(root, path), "utf8");

const CHART = "deploy/helm/chouette";
const chart = parse(read(`${CHART}/Chart.yaml`));
const values = parse(read(`${CHART}/values.yaml`));
const kustomization = parse(read("deploy/kubernetes/kustomization.yaml"));
const { version } = JSON.parse(read("packages/agent/package.json"));

/** The objects by kind. */
function render(given: object) {
  const scope = {
    Values: { ...values, ...given },
    Chart: { AppVersion: chart.appVersion },
    Release: { Namespace: "chouette" },
  };
  const files = readdirSync(join(root, CHART, "templates"));
  return byKind(files.map((name) => renderTemplate(read(`${CHART}/templates/${name}`), scope)));
}

function byKind(texts: readonly string[]) {
  const objects = texts.flatMap((text) => parseAllDocuments(text).map((document) => document.toJS()));
  return Object.fromEntries(objects.map((object) => [object.kind, object]));
}

const podOf = ({ DaemonSet }: ReturnType<typeof byKind>) => DaemonSet.spec.template;
const settingsOf = ({ ConfigMap }: ReturnType<typeof byKind>) => parse(ConfigMap.data["chouette.yaml"]);

it("the chart's objects are those of the manifests for kustomize", () => {
  const { Namespace: _, ...manifests } = byKind(
    kustomization.resources.map((name: string) => read(`deploy/kubernetes/${name}`)),
  );
  const [{ name, newName, newTag }] = kustomization.images;
  for (const container of [...podOf(manifests).spec.containers, ...podOf(manifests).spec.initContainers]) {
    expect(container.image).toBe(name);
    container.image = `${newName}:${newTag}`;
  }
  const objects = render({});
  expect(podOf(objects).metadata.annotations["checksum/settings"]).toMatch(/^[0-9a-f]{64}$/);
  delete podOf(objects).metadata.annotations;
  expect(podOf(objects).spec.nodeSelector).toEqual({});
  delete podOf(objects).spec.nodeSelector;
  const [chartSettings, settings] = [objects, manifests].map((all) => {
    const found = settingsOf(all);
    const { ConfigMap } = all;
    delete ConfigMap.data;
    return found;
  });
  expect(chartSettings).toEqual(settings);
  expect(objects).toEqual(manifests);
});

it("its image, secret, settings and nodes can be set", () => {
  const objects = render({
    image: { repository: "registry.local/agent", tag: "1-arm", pullPolicy: "Always" },
    secretName: "key",
    settings: { log_level: "debug" },
    nodeSelector: { edge: "true" },
  });
  const { containers, initContainers, nodeSelector } = podOf(objects).spec;
  for (const { image } of [...containers, ...initContainers])
    expect(image).toBe("registry.local/agent:1-arm");
  expect(containers[0].imagePullPolicy).toBe("Always");
  expect(JSON.stringify(containers[0].env)).toContain('"secretKeyRef":{"name":"key"');
  expect(settingsOf(objects)).toEqual({ log_level: "debug" });
  expect(nodeSelector).toEqual({ edge: "true" });
});

it("its values fit their schema, which refuses others", () => {
  const isValid = new Ajv().compile(JSON.parse(read(`${CHART}/values.schema.json`)));
  expect(isValid(values) || isValid.errors).toBe(true);
  expect(isValid({ ...values, secret: "key" })).toBe(false);
  expect(isValid({ ...values, image: { ...values.image, pullPolicy: "never" } })).toBe(false);
});

it("chart and kustomization name the version of the agent", () => {
  expect([chart.version, chart.appVersion]).toEqual([version, version]);
  expect(kustomization.images[0].newTag).toBe(`v${version}`);
});
