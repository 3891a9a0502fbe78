/**
 * Generates docs/CONFIGURATION.md and the JSON Schema of chouette.yaml from the table of settings. Copies the
 * dashboard's chart library, which is served as a file.
 */
import { copyFileSync, writeFileSync } from "node:fs";
import { settingsSchema } from "../packages/agent/dist/config/json-schema.js";
import { configurationPage } from "../packages/agent/dist/config/reference.js";

const root = new URL("..", import.meta.url);
writeFileSync(new URL("docs/CONFIGURATION.md", root), configurationPage());
writeFileSync(
  new URL("packages/agent/chouette.schema.json", root),
  `${JSON.stringify(settingsSchema(), undefined, 2)}\n`,
);
for (const [from, to] of [
  ["dist/uPlot.iife.min.js", "uPlot.js"],
  ["dist/uPlot.min.css", "uPlot.css"],
  ["LICENSE", "uPlot-LICENSE"],
]) {
  copyFileSync(new URL(`node_modules/uplot/${from}`, root), new URL(`packages/agent/page/${to}`, root));
}
