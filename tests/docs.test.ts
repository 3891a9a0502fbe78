/** Checks the docs as far as a machine can: links have targets, code compiles, commands, files and settings exist. */
import { execFileSync } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { mkdir, symlink, writeFile } from "node:fs/promises";
import { dirname, join, normalize } from "node:path";
import { Command } from "commander";
import { describe, expect, it, onTestFinished } from "vitest";
import { parse } from "yaml";
import { REPLACED, SETTINGS } from "../packages/agent/src/config/settings.js";
import { anchors, codeBlocks, codeSpans, links, pages, ROOT, read, withoutBlocks } from "./docs/markdown.js";
import { commentsOf, stringsOf, ticsIn, ticsInComments } from "./docs/tics.js";
import { newFolder } from "./support/folders.js";

const BLOCKS = pages().flatMap(codeBlocks);
const place = ({ page, line }: { readonly page: string; readonly line: number }) => `${page}:${line}`;

describe("the prose", () => {
  it.each(pages())("of %s has no phrase that reads as translated", (page) => {
    const prose = withoutBlocks(page).replace(/`[^`\n]+`/g, (code) => code.replace(/./g, "x"));
    expect(ticsIn(page, prose)).toEqual([]);
  });

  const sources = readdirSync(`${ROOT}packages`, { recursive: true, encoding: "utf8" }).filter((path) =>
    /^[^/]+\/src\/.*\.ts$/.test(path),
  );

  it("of messages, help texts and descriptions has none either", () => {
    const files = sources.filter((path) => !path.endsWith(".test.ts"));
    expect(files.flatMap((path) => ticsIn(path, stringsOf(read(`packages/${path}`))))).toEqual([]);
  });

  it("of comments has none that means nothing else", () => {
    expect(sources.flatMap((path) => ticsInComments(path, commentsOf(read(`packages/${path}`))))).toEqual([]);
  });
});

describe("links", () => {
  it.each(pages())("of %s lead to a file, and to a heading in it", (page) => {
    const broken = links(page).filter((target) => {
      if (/^https?:/.test(target)) return false;
      const [path = "", anchor] = target.split("#");
      const file = path === "" ? page : normalize(join(dirname(page), path));
      if (!existsSync(`${ROOT}${file}`)) return true;
      return anchor !== undefined && !anchors(file).has(anchor);
    });
    expect(broken).toEqual([]);
  });
});

describe("code blocks", () => {
  it("of JavaScript and TypeScript compile", async () => {
    const folder = await newFolder();
    onTestFinished(() => folder.remove());
    await symlink(`${ROOT}node_modules`, join(folder.path, "node_modules"));
    await mkdir(join(folder.path, "blocks"));
    const sources = BLOCKS.filter(({ language }) => language === "ts" || language === "js");
    expect(sources.length).toBeGreaterThan(10);
    for (const block of sources) {
      const name = place(block).replace(/[^A-Za-z0-9]+/g, "-");
      // A module of its own, whatever the block imports.
      await writeFile(
        join(folder.path, `blocks/${name}.m${block.language}`),
        `${block.text}\nexport const isModule = true;\n`,
      );
    }
    await writeFile(join(folder.path, "examples.d.ts"), read("tests/docs/examples.d.ts"));
    await writeFile(join(folder.path, "package.json"), `{ "type": "module" }`);
    const compilerOptions = {
      noEmit: true,
      composite: false,
      allowJs: true,
      noUnusedLocals: false,
      noUnusedParameters: false,
      customConditions: ["source"],
      lib: ["es2023", "esnext.disposable", "esnext.decorators"],
      types: ["node"],
      typeRoots: [`${ROOT}node_modules/@types`],
    };
    const config = {
      extends: `${ROOT}tsconfig.base.json`,
      compilerOptions,
      include: ["blocks", "examples.d.ts"],
    };
    await writeFile(join(folder.path, "tsconfig.json"), JSON.stringify(config));
    expect(compile(folder.path)).toBe("");
  });

  it.each(
    BLOCKS.filter(({ language }) => language === "sh").map((block) => [place(block), block.text]),
  )("of shell at %s parse", (_, text) => {
    execFileSync("bash", ["-n"], { input: text, stdio: ["pipe", "pipe", "pipe"] });
  });

  it("of YAML and JSON parse", () => {
    for (const { language, text } of BLOCKS) {
      if (language === "yaml") parse(text);
      if (language === "json") JSON.parse(text);
    }
  });
});

function compile(folder: string): string {
  try {
    execFileSync(process.execPath, [`${ROOT}node_modules/typescript/lib/tsc.js`, "-p", folder], {
      encoding: "utf8",
    });
    return "";
  } catch (error) {
    return (error as { readonly stdout: string }).stdout;
  }
}

describe("commands", () => {
  const lines = pages().flatMap((page) => [
    ...codeSpans(page).map((text) => ({ page, text })),
    ...codeBlocks(page)
      .filter(({ language }) => language === "sh")
      .flatMap(({ text }) => text.split("\n").map((line) => ({ page, text: line }))),
  ]);

  it("of npm are scripts of the package", () => {
    const { scripts } = JSON.parse(read("package.json"));
    const unknown = lines.flatMap(({ page, text }) =>
      [...text.matchAll(/\bnpm run (?:--\w+ )*(\w+)/g)]
        .filter(({ 1: script = "" }) => !(script in scripts))
        .map(({ 0: command }) => `${page}: ${command}`),
    );
    expect(unknown).toEqual([]);
  });

  it("of chouette exist, with their options", async () => {
    const program = await chouette();
    const unknown = lines.flatMap(({ page, text }) =>
      [...text.matchAll(/(?<![/\w.=-])chouette ((?:[a-z]+(?:-[a-z]+)*|--[a-z]+|-V)(?: [^\s`#']+)*)/g)]
        .filter(
          ({ 1: words = "", index }) => !isPlaceholder(text, index) && !accepts(program, words.split(" ")),
        )
        .map(({ 0: command }) => `${page}: ${command}`),
    );
    expect(unknown).toEqual([]);
  });
});

/** An argument of another command: a unit, a network, a namespace, a release, a user, a path. */
function isPlaceholder(text: string, index: number): boolean {
  return /(?:(?:helm|kubectl) .*|systemctl \w+(?: --now)?|systemctl edit|SETUSER|image|install -d \S*) $/.test(
    text.slice(0, index),
  );
}

/** The command line's grammar, from the commands' own files. */
async function chouette(): Promise<Command> {
  const program = new Command("chouette").version("0", "-V, --version");
  const names = [...read("packages/agent/src/cli/main.ts").matchAll(/import\("\.\/([\w-]+)\.js"\)/g)];
  expect(names.length).toBeGreaterThan(5);
  for (const { 1: name = "" } of names) {
    const module: Readonly<Record<string, unknown>> = await import(
      /* @vite-ignore */ `${ROOT}packages/agent/src/cli/${name}.ts`
    );
    const register = Object.entries(module).find(([key]) => key.startsWith("register"))?.[1];
    (register as (program: Command) => void)(program);
  }
  return program;
}

function accepts(program: Command, words: readonly string[]): boolean {
  let command = program;
  for (const word of words) {
    const next = command.commands.find((candidate) => candidate.name() === word);
    if (next !== undefined) command = next;
    else if (word === "--help") continue;
    else if (word.startsWith("--") && !command.options.some(({ long }) => long === word)) return false;
    else if (command.commands.length > 0 && !word.startsWith("-")) return false;
  }
  return true;
}

describe("names", () => {
  it.each(["docs/ARCHITECTURE.md", "CONTRIBUTING.md"])("of files in %s exist", (page) => {
    const folders = ["packages", "tests", "docs", "scripts", "bench", "examples", "deploy"];
    const files = folders.flatMap((folder) =>
      readdirSync(`${ROOT}${folder}`, { recursive: true, encoding: "utf8" })
        .filter((path) => !path.includes("node_modules"))
        .map((path) => `/${folder}/${path}`),
    );
    const named = codeSpans(page).filter(
      (span) => /^[\w./-]+(?:\.(?:ts|mjs|json|md)|\/)$/.test(span) && !span.includes("NAME"),
    );
    expect(named.length).toBeGreaterThan(20);
    const missing = named.filter((span) => {
      const path = span.replace(/\/$/, "");
      return !folders.includes(path) && !files.some((file) => file.endsWith(`/${path}`));
    });
    expect(missing).toEqual([]);
  });

  it("of benchmarks and scripts exist, wherever a page says to run one", () => {
    const missing = pages().flatMap((page) =>
      [...read(page).matchAll(/\b(?:bench|scripts)\/[\w./-]+\.mjs\b/g)]
        .filter(([path]) => !existsSync(`${ROOT}${path}`))
        .map(([path]) => `${page}: ${path}`),
    );
    expect(missing).toEqual([]);
  });

  it("of settings exist", () => {
    const known = new Set<string>([
      ...Object.values(SETTINGS).flatMap(({ names }) => [...names]),
      ...REPLACED.keys(),
    ]);
    const unknown = pages().flatMap((page) =>
      [
        ...new Set(
          codeSpans(page).flatMap((span) => span.match(/^[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+(?==|$)/) ?? []),
        ),
      ]
        .filter((name) => !known.has(name) && !OTHERS.has(name))
        .map((name) => `${page}: ${name}`),
    );
    expect(unknown).toEqual([]);
  });
});

describe("promises", () => {
  it("name tests that exist, each in its file", () => {
    const named = [...read("docs/PROMISES.md").matchAll(/\]\(\.\.\/([^)]+\.ts)\):((?:,? `[^`]+`)+)/g)];
    expect(named.length).toBeGreaterThan(200);
    const missing = named.flatMap(({ 1: path = "", 2: spans = "" }) => {
      const source = read(path);
      const titles = [...spans.matchAll(/`([^`]+)`/g)].map(({ 1: title = "" }) => title);
      return titles
        .filter((title) => !['"', "'"].some((quote) => source.includes(quote + title + quote)))
        .map((title) => `${path}: ${title}`);
    });
    expect(missing).toEqual([]);
  });
});

/** Variables of the client, of Node and of the system, and constants of the code. */
const OTHERS: ReadonlySet<string> = new Set([
  "NO_COLOR",
  "CHOUETTE_CONFIG",
  "CHOUETTE_LOG_LEVEL",
  "DD_SERVICE",
  "CHOUETTE_SHARDS",
  "REDIS_WAIT_REPLICAS",
  "SENTINEL_KILLS",
  "SHARDS_GROWTH",
  "SENTINEL_RATE",
  "SENTINEL_UNCOPIED_MS",
  "SENTINEL_WAIT",
  "NODE_OPTIONS",
  "NODE_TLS_REJECT_UNAUTHORIZED",
  "Z_FILTERED",
]);
