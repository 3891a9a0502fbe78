/**
 * Tests the packed client in runtimes, TypeScript, bundlers, test runners and other hosts. `npm run matrix [-- GROUP…]
 * [--write]`
 *
 * Installs one tool at a time into a temporary folder and deletes it. In each cell a small program records counts,
 * flushes and ends, and the records in a real redis-server are checked. Prints Markdown tables; --write also puts them
 * into docs/BUNDLERS.md. Everything takes a quarter of an hour and 2 GB of downloads. The exit code is 1 if a cell is
 * neither "yes" nor "–" (no such thing).
 */
import { readFile, writeFile } from "node:fs/promises";
import { bundlers } from "./matrix/bundlers.mjs";
import { hosts } from "./matrix/hosts.mjs";
import { openPlace } from "./matrix/place.mjs";
import { runtimes } from "./matrix/runtimes.mjs";
import { testRunners } from "./matrix/test-runners.mjs";
import { typescript } from "./matrix/typescript.mjs";

const GROUPS = { runtimes, typescript, bundlers, "test-runners": testRunners, hosts };
const PAGE = new URL("../docs/BUNDLERS.md", import.meta.url);

const args = process.argv.slice(2);
const named = args.filter((arg) => !arg.startsWith("-"));
const unknown = named.filter((name) => !(name in GROUPS));
if (args.includes("--help") || unknown.length > 0) {
  process.stdout.write(
    `usage: npm run matrix [-- GROUP…] [--write]\nGroups: ${Object.keys(GROUPS).join(", ")}\n`,
  );
  process.exit(unknown.length > 0 ? 2 : 0);
}

const place = await openPlace();
try {
  for (const name of named.length > 0 ? named : Object.keys(GROUPS)) {
    const table = await tableOf(GROUPS[name]);
    if (args.includes("--write")) await writeTable(name, table);
  }
} finally {
  await place.close();
}

/** @param group `results` are the columns that must be "yes"; all by default */
async function tableOf({ title, columns, results = columns, rows }) {
  const lines = [];
  const line = (cells) => {
    const text = `| ${cells.map((cell) => cell.replaceAll("|", "\\|").replace(/\s+/g, " ")).join(" | ")} |`;
    process.stdout.write(`${text}\n`);
    lines.push(text);
  };
  process.stdout.write(`\n${title}\n`);
  line(["", ...columns]);
  line(["---", ...columns.map(() => "---")]);
  for await (const row of rows(place)) {
    line(row);
    const failed = (column) =>
      results.includes(column) && !/^(?:yes|–)/.test(row[columns.indexOf(column) + 1]);
    if (columns.some(failed)) process.exitCode = 1;
  }
  return lines.join("\n");
}

/** Replaces the group's table in the page. */
async function writeTable(name, table) {
  const page = await readFile(PAGE, "utf8");
  const [begin, end] = [`<!-- matrix: ${name} -->\n`, "\n<!-- end -->"];
  const from = page.indexOf(begin);
  if (from < 0) throw new Error(`docs/BUNDLERS.md has no place for ${name}`);
  const to = page.indexOf(end, from);
  await writeFile(PAGE, `${page.slice(0, from)}${begin}\n${table}\n${page.slice(to)}`);
}
