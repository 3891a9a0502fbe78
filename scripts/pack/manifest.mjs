/** The package.json of the published packages. */
import { cp, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

export const root = fileURLToPath(new URL("../..", import.meta.url));

/** The project's home: one place decides. */
const { repository } = JSON.parse(await readFile(join(root, "package.json"), "utf8"));
const home = repository.url.replace(/^git\+|\.git$/g, "");

/** The manifest in the sources. @param name of the package's folder, such as "agent" */
export async function sourceManifest(name) {
  return JSON.parse(await readFile(join(root, "packages", name, "package.json"), "utf8"));
}

/**
 * Writes package.json, README.md and LICENSE.
 * @param source the manifest in the sources
 * @param published fields of the published package; they replace those of the sources
 * @param readme path in the repository
 */
export async function writeManifest(folder, source, published, readme) {
  const { name, version, description, keywords, license, type, sideEffects, engines } = source;
  const { peerDependencies, peerDependenciesMeta } = source;
  const manifest = {
    name,
    version,
    description,
    keywords,
    homepage: `${home}#readme`,
    bugs: `${home}/issues`,
    repository,
    license,
    type,
    sideEffects,
    engines,
    peerDependencies,
    peerDependenciesMeta,
    publishConfig: { access: "public" },
    ...published,
  };
  await writeFile(join(folder, "package.json"), `${JSON.stringify(manifest, null, 2)}\n`);
  await cp(join(root, "LICENSE"), join(folder, "LICENSE"));
  await writeFile(
    join(folder, "README.md"),
    withAbsoluteLinks(await readFile(join(root, readme), "utf8"), readme),
  );
}

/** Rewrites a page's relative links so that they work on the registry's site. */
function withAbsoluteLinks(text, page) {
  const base = new URL(page, `${home}/blob/main/`);
  return text.replace(/\]\((?![a-z]+:|#)([^)]+)\)/g, (_, path) => `](${new URL(path, base)})`);
}
