/** The program of most cells: two records are flushed, a third is left to the program's end. */

const NAMES = {
  "chouette-iot-client": "ChouetteClient",
  "chouette-iot-client/testing": "TestClient",
  "chouette-iot-client/http-metrics": "httpMetrics",
  "chouette-iot-client/runtime-metrics": "collectRuntimeMetrics",
};
/** What the program stores. */
export const EXPECTED = { flushed: 2, at_end: 1 };

export const IMPORTS = Object.entries(NAMES)
  .map(([from, name]) => `import { ${name} } from "${from}";`)
  .join("\n");
export const REQUIRES = Object.entries(NAMES)
  .map(([from, name]) => `const { ${name} } = require("${from}");`)
  .join("\n");

const USE = `
async function main() {
  const client = new ChouetteClient();
  client.increment("flushed", 1, { tags: { kind: "a" } });
  client.increment("flushed", 1, { tags: ["kind:b"] });
  const all = await client.flush({ timeoutMs: 20000 });
  if (!all) throw new Error("not all is flushed");
  client.gauge("at_end", 1);
  new TestClient().increment("m");
  if (typeof httpMetrics !== "function" || typeof collectRuntimeMetrics !== "function") throw new Error("a path is empty");
}
main();
`;

export const esModule = `${IMPORTS}${USE}`;
export const commonJs = `${REQUIRES}${USE}`;
