/**
 * Generates the tables of docs/COLLECTORS.md from the collectors' descriptions and settings.
 *
 *   npm run generate, or after a build: node scripts/collector-docs.mjs [--check]
 *
 * With --check it writes nothing, and exits with 1 if the page is outdated.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { BUILT_IN } from "../packages/agent/dist/collectors/built-in.js";
import { description as exec } from "../packages/agent/dist/collectors/exec/exec.js";
import { COLLECTOR_SETTINGS } from "../packages/agent/dist/config/collector-settings.js";

const page = fileURLToPath(new URL("../docs/COLLECTORS.md", import.meta.url));
const COMMON = ["collectorPlugins", "captureInterval", "collectorDeadline"];

const builtIn = await Promise.all([...BUILT_IN.values()].map(async (load) => (await load()).description));
const written = readFileSync(page, "utf8");
const current = [
  ["settings", settingsTable(COMMON)],
  ["collectors", [...builtIn, exec].map(section).join("\n\n")],
].reduce((text, [name, part]) => replacePart(text, name, part), written);

if (process.argv.includes("--check")) check();
else writeFileSync(page, current);

function check() {
  if (written === current) return;
  console.error("docs/COLLECTORS.md is not current: run npm run generate");
  process.exitCode = 1;
}

function replacePart(text, name, part) {
  const [begin, end] = [`<!-- begin of generated ${name} -->`, `<!-- end of generated ${name} -->`];
  const [from, to] = [text.indexOf(begin), text.indexOf(end)];
  if (from < 0 || to < from) throw new Error(`docs/COLLECTORS.md has no place for ${name}`);
  return `${text.slice(0, from + begin.length)}\n\n${part}\n\n${text.slice(to)}`;
}

function section({ name, sees, reads, needs, costs, settings, metrics }) {
  return [
    `### ${name}`,
    sees,
    `- **Reads** ${reads}\n- **Needs** ${needs}\n- **Costs** ${costs}`,
    settingsTable(settings),
    ...(metrics.length === 0 ? [] : [metricsTable(metrics)]),
  ].join("\n\n");
}

function settingsTable(names) {
  const rows = names.map((name) => {
    const { names: variables, default: byDefault, about, expected } = COLLECTOR_SETTINGS[name];
    return [variables.map(code).join(", "), formatDefault(byDefault), about, expected];
  });
  return table(["Setting", "Default", "Purpose", "Values"], rows);
}

function metricsTable(metrics) {
  const rows = metrics.map(({ name, type, unit, tags, says }) => [
    code(name),
    type,
    unit,
    tags.map(code).join(", "),
    says,
  ]);
  return table(["Metric", "Type", "Unit", "Tags", "Meaning"], rows);
}

function formatDefault(value) {
  if (value === undefined) return "";
  return code(typeof value === "string" ? value : JSON.stringify(value));
}

function code(text) {
  return `\`${text}\``;
}

function table(heading, rows) {
  const line = (cells) => `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
  return [line(heading), line(heading.map(() => "---")), ...rows.map(line)].join("\n");
}
