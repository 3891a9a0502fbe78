/**
 * Joins a package's code, our internal packages and the libraries that they use into a few files.
 *
 * Code that is loaded on demand stays a separate file. Node's modules are imported, never required: another bundler
 * that includes the result in an ES module can't resolve a `require`.
 */
import { readFile, writeFile } from "node:fs/promises";
import { builtinModules } from "node:module";
import { join } from "node:path";
import { rolldown } from "rolldown";
import { esmExternalRequirePlugin } from "rolldown/plugins";

const BUILT_IN = [/^node:/, ...builtinModules];

/**
 * Writes `folder/NAME.js` for each entry and the files that they share.
 * @param {object} options
 * @param {Readonly<Record<string, string>>} options.input  paths by name
 * @param {string} options.folder
 * @param {"esm" | "cjs"} options.format
 * @param {readonly string[]} [options.external]  what an application has to have of its own, if it uses it at all
 * @returns the folders of the libraries that went into it
 */
export async function joinCode({ input, folder, format, external = [] }) {
  const bundle = await rolldown({
    input,
    external: format === "esm" ? [...external] : [...BUILT_IN, ...external],
    platform: "node",
    plugins: [...(format === "esm" ? [esmExternalRequirePlugin({ external: BUILT_IN })] : []), ownFolder],
    onLog: (level, log, print) => isExpected(log) || print(level, log),
  });
  const { output } = await bundle.write({
    dir: folder,
    format,
    chunkFileNames: "[name].js",
    exports: "named",
    // Names are kept, so that stack traces are useful.
    minify: { compress: false, mangle: false, codegen: { removeWhitespace: true } },
    comments: false,
  });
  await bundle.close();
  return new Set(
    output.flatMap((file) =>
      "moduleIds" in file ? file.moduleIds.flatMap((id) => libraryOf(id) ?? []) : [],
    ),
  );
}

/** Adapts code that reads a file next to itself to the single folder of the bundle. */
const ownFolder = {
  name: "own-folder",
  transform: {
    filter: { id: /zstd-wasm|agent\/dist\// },
    handler: (code) =>
      code.replaceAll("__dirname", "import.meta.dirname").replaceAll('new URL("../../', 'new URL("../'),
  },
};

/** @param {{ code?: string }} log */
function isExpected({ code }) {
  return code === "EVAL";
}

/** The folder of the library that a module belongs to; undefined if it is ours. */
function libraryOf(id) {
  return /^(.*\/node_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(id)?.[1];
}

/**
 * Writes the licences of the libraries, as they require.
 * @param libraries their folders
 */
export async function writeLicences(libraries, file) {
  const sections = await Promise.all([...libraries].sort().map(licenceOf));
  const heading = "This package contains the following libraries, each under its own licence.\n";
  await writeFile(file, [heading, ...sections].join(`\n${"-".repeat(80)}\n\n`));
}

async function licenceOf(library) {
  const { name, version, license, author, repository } = JSON.parse(
    await readFile(join(library, "package.json"), "utf8"),
  );
  const texts = ["LICENSE", "LICENSE.md", "LICENSE.txt", "license", "LICENCE", "License"];
  const found = await Promise.all(
    texts.map((text) => readFile(join(library, text), "utf8").catch(() => undefined)),
  );
  const by = typeof author === "object" ? author.name : author;
  const from = typeof repository === "object" ? repository.url : repository;
  const text =
    found.find((candidate) => candidate !== undefined) ?? `${[by, from].filter(Boolean).join(", ")}\n`;
  return `${name} ${version}: ${license}\n\n${text}`;
}
