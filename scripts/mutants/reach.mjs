/** Finds the tests that reach a source, through imports. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";

/** Long tests, which aren't run for each mutant. */
const LEFT_OUT = /^tests\/chaos\//;

/** @returns the tests that reach a file, both as paths from the root; those that reach the fewest files come first */
export function testsReaching(root) {
  const packages = entryPoints(root);
  const imports = new Map();
  const importsOf = (file) => {
    let found = imports.get(file);
    if (found === undefined) {
      const text = readFileSync(join(root, file), "utf8");
      const specifiers = [...text.matchAll(/(?:from|import)\s*\(?\s*"([^"]+)"/g)].map((match) => match[1]);
      found = specifiers.flatMap((specifier) => resolved(root, file, specifier, packages));
      imports.set(file, found);
    }
    return found;
  };
  const reached = testsOf(root).map((test) => {
    const files = new Set([test]);
    for (const file of files) for (const next of importsOf(file)) files.add(next);
    return { test, files };
  });
  reached.sort((a, b) => a.files.size - b.files.size);
  return (file) => reached.filter(({ files }) => files.has(file)).map(({ test }) => test);
}

function testsOf(root) {
  const below = (folder) =>
    readdirSync(join(root, folder), { recursive: true }).map((path) => join(folder, path));
  const all = [
    ...readdirSync(join(root, "packages")).flatMap((name) => below(`packages/${name}/src`)),
    ...below("tests"),
  ];
  return all.filter((path) => path.endsWith(".test.ts") && !LEFT_OUT.test(path));
}

/** The source of each name under which a package can be imported. */
function entryPoints(root) {
  const entries = new Map();
  for (const name of readdirSync(join(root, "packages"))) {
    const { name: published, exports } = JSON.parse(
      readFileSync(join(root, "packages", name, "package.json"), "utf8"),
    );
    for (const [path, { source }] of Object.entries(exports ?? {})) {
      if (source !== undefined) entries.set(join(published, path), join("packages", name, source));
    }
  }
  return entries;
}

function resolved(root, file, specifier, packages) {
  if (!specifier.startsWith(".")) return packages.has(specifier) ? [packages.get(specifier)] : [];
  const path = relative(root, join(root, dirname(file), specifier));
  return [path.replace(/\.js$/, ".ts"), path]
    .filter((candidate) => existsSync(join(root, candidate)))
    .slice(0, 1);
}
