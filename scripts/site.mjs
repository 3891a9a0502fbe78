/**
 * Generates the documentation as a static site, with the client's API reference: `npm run site` writes build/site.
 *
 * The pages are the Markdown files of the repository, which can be read in both places. The tools (marked, typedoc) are
 * installed into a temporary folder: nobody else needs them. Fails if a page has a broken link.
 */
import { execFileSync } from "node:child_process";
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, posix } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { page } from "./site/page.mjs";

// TypeScript 7 has no API for typedoc yet.
const TOOLS = ["marked@18", "typedoc@0.28", "typescript@6", "@types/node@20"];
const ROOT = fileURLToPath(new URL("..", import.meta.url));
const SITE = join(ROOT, "build/site");
const ENTRIES = ["index", "testing", "http-metrics", "runtime-metrics", "logs/winston"];
const { repository } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8"));
const SOURCES = `${repository.url.replace(/^git\+|\.git$/g, "")}/blob/main/`;

const tools = mkdtempSync(join(tmpdir(), "chouette-site-"));
try {
  writeFileSync(join(tools, "package.json"), "{}");
  run("npm", ["install", "--no-audit", "--no-fund", "--loglevel=error", "--ignore-scripts", ...TOOLS], tools);
  rmSync(SITE, { recursive: true, force: true });
  const { Marked } = await import(pathToFileURL(join(tools, "node_modules/marked/lib/marked.esm.js")).href);
  const written = writePages(new Marked());
  writeReference();
  checkLinks(written);
  process.stdout.write(`${SITE}: ${written.length} pages and the API reference\n`);
} finally {
  rmSync(tools, { recursive: true, force: true });
}

/** Each Markdown file beside its place in the repository. Returns the paths of the pages. */
function writePages(marked) {
  const sources = ["", "docs", "docs/decisions", "examples"].flatMap((folder) =>
    readdirSync(join(ROOT, folder))
      .filter((name) => name.endsWith(".md"))
      .map((name) => posix.join(folder, name)),
  );
  const placeOf = new Map(sources.map((source) => [source, htmlPath(source)]));
  marked.use({
    renderer: {
      heading({ tokens, depth, text }) {
        return `<h${depth} id="${anchor(text)}">${this.parser.parseInline(tokens)}</h${depth}>\n`;
      },
    },
  });
  for (const [source, place] of placeOf) {
    const markdown = readFileSync(join(ROOT, source), "utf8");
    const title = /^# (.+)$/m.exec(markdown)?.[1] ?? "Chouette";
    const html = marked.parse(markdown).replace(/(href|src)="([^"]*)"/g, (_, name, target) => {
      return `${name}="${linkFrom(source, target, placeOf)}"`;
    });
    write(place, page({ title, html, toRoot: posix.relative(dirname(place), ".") || "." }));
  }
  for (const folder of ["docs/images", "docs/benchmarks"])
    cpSync(join(ROOT, folder), join(SITE, folder), { recursive: true });
  return [...placeOf.values()];
}

function htmlPath(source) {
  return source === "README.md" ? "index.html" : source.replace(/\.md$/, ".html");
}

/** A page or an image of the site, else the file among the sources. */
function linkFrom(source, target, placeOf) {
  if (/^(?:[a-z]+:|#)/.test(target)) return target;
  const [path, hash] = target.split("#");
  const file = posix.normalize(posix.join(dirname(source), path));
  const place = placeOf.get(file) ?? (/^docs\/(?:images|benchmarks)\//.test(file) ? file : undefined);
  if (place === undefined) return SOURCES + file;
  return posix.relative(dirname(htmlPath(source)), place) + (hash === undefined ? "" : `#${hash}`);
}

/** As GitHub forms them. */
function anchor(heading) {
  return heading
    .toLowerCase()
    .replace(/[^\p{L}\p{N} _-]/gu, "")
    .replaceAll(" ", "-");
}

/** The client's API from its doc comments. */
function writeReference() {
  const client = join(ROOT, "packages/client/src");
  const config = {
    extends: join(ROOT, "tsconfig.base.json"),
    compilerOptions: {
      composite: false,
      noEmit: true,
      skipLibCheck: true,
      customConditions: ["source"],
      typeRoots: [join(tools, "node_modules/@types")],
      types: ["node"],
    },
    files: ENTRIES.map((name) => join(client, `${name}.ts`)),
  };
  writeFileSync(join(tools, "tsconfig.json"), JSON.stringify(config));
  const args = ["--tsconfig", "tsconfig.json", "--out", join(SITE, "api"), "--name", "chouette-iot-client"];
  const quiet = [
    "--readme",
    "none",
    "--disableSources",
    "--excludePrivate",
    "--skipErrorChecking",
    "--logLevel",
    "Error",
  ];
  run(join(tools, "node_modules/.bin/typedoc"), [...args, ...quiet, ...config.files], tools);
}

/** @throws if a link leads to a file or a heading that isn't there */
function checkLinks(places) {
  const broken = places.flatMap((place) => {
    const targets = [...read(place).matchAll(/(?:href|src)="([^"]*)"/g)].map(([, target]) => target);
    return targets.filter((target) => !leadsSomewhere(place, target)).map((target) => `${place}: ${target}`);
  });
  if (broken.length > 0) throw new Error(`broken links:\n${broken.join("\n")}`);
}

function leadsSomewhere(place, target) {
  if (/^[a-z]+:/.test(target)) return true;
  const [path, hash] = target.split("#");
  const file = path === "" ? place : posix.normalize(posix.join(dirname(place), path));
  if (!existsSync(join(SITE, file))) return false;
  return hash === undefined || !file.endsWith(".html") || read(file).includes(`id="${hash}"`);
}

function read(place) {
  return readFileSync(join(SITE, place), "utf8");
}

function write(place, text) {
  mkdirSync(join(SITE, dirname(place)), { recursive: true });
  writeFileSync(join(SITE, place), text);
}

function run(command, args, cwd) {
  execFileSync(command, args, { cwd, stdio: ["ignore", "ignore", "inherit"] });
}
