/**
 * Makes the package that is published: `node packages/client/scripts/pack.mjs [folder]`, after `tsc -b packages/client`.
 *
 * The client's code and what it uses of our internal packages are joined into a few files, the declarations are laid
 * beside one another, and the manifest names the Redis driver as the only dependency. The folder is ready for `npm pack`.
 *
 * ES modules only: every Node that is supported (20.19 and later) gives them to `require()` as well, and one form means one
 * ready-made client in a process, however it was loaded.
 */
import { cp, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { dirname, join, posix, relative, resolve, sep } from "node:path";
import { fileURLToPath } from "node:url";
import { rolldown } from "rolldown";

const root = fileURLToPath(new URL("../../..", import.meta.url));
const client = join(root, "packages/client");
const folder = resolve(process.argv[2] ?? join(client, "dist/npm"));
const manifest = JSON.parse(await readFile(join(client, "package.json"), "utf8"));

/** `./testing` → `testing`, `.` → `index`. */
const entries = Object.entries(manifest.exports).map(([path, { types, default: code }]) => ({
  path,
  name: path === "." ? "index" : path.slice(2),
  types,
  code,
}));

await rm(folder, { recursive: true, force: true });
await mkdir(folder, { recursive: true });
await joinCode();
await layDeclarations();
await writeFile(join(folder, "package.json"), `${JSON.stringify(publishedManifest(), null, 2)}\n`);
await cp(join(root, "LICENSE"), join(folder, "LICENSE"));
await cp(join(root, "docs/CLIENT.md"), join(folder, "README.md"));

async function joinCode() {
  const input = Object.fromEntries(entries.map(({ name, code }) => [name, join(client, code)]));
  const bundle = await rolldown({ input, external: [/^node:/, "@redis/client"], platform: "node" });
  await bundle.write({ dir: join(folder, "lib"), format: "esm", chunkFileNames: "[name].js", minify: false });
  await bundle.close();
}

/** Follows the declarations from the entries, into our internal packages too, and copies those that are reached. */
async function layDeclarations() {
  const open = entries.map(({ types }) => join(client, types));
  const seen = new Set(open);
  for (let file = open.pop(); file !== undefined; file = open.pop()) {
    const text = await readFile(file, "utf8");
    const laid = text
      .replace(/^\/\/# sourceMappingURL=.*$/m, "")
      .replace(/(from |import\()"([^"]+)"/g, (whole, before, specifier) => {
        const target = declarationOf(specifier, file);
        if (target === undefined) return whole;
        if (!seen.has(target)) open.push(target);
        seen.add(target);
        const path = relative(dirname(placeOf(file)), placeOf(target))
          .split(sep)
          .join(posix.sep);
        return `${before}"${path.startsWith(".") ? path : `./${path}`}"`.replace(/\.d\.ts"$/, '.js"');
      });
    await mkdir(dirname(join(folder, placeOf(file))), { recursive: true });
    await writeFile(join(folder, placeOf(file)), laid);
  }
}

/** The declaration that a specifier means, or undefined where it is another's. */
function declarationOf(specifier, from) {
  if (specifier.startsWith(".")) return resolve(dirname(from), specifier.replace(/\.js$/, ".d.ts"));
  const [, name, path] = /^@chouette-iot\/(\w+)(\/.*)?$/.exec(specifier) ?? [];
  if (name === undefined) return undefined;
  return join(root, "packages", name, "dist", `${path === undefined ? "index" : path.slice(1)}.d.ts`);
}

/** packages/record/dist/time.d.ts → types/record/time.d.ts */
function placeOf(file) {
  const [, name, ...rest] = relative(root, file).split(sep);
  return join("types", name, ...rest.slice(1));
}

function publishedManifest() {
  const { name, version, description, license, type, sideEffects, engines, dependencies } = manifest;
  const { peerDependencies, peerDependenciesMeta, keywords } = manifest;
  const exported = entries.map((entry) => [
    entry.path,
    {
      types: `./${placeOf(join(client, entry.types)).split(sep).join(posix.sep)}`,
      default: `./lib/${entry.name}.js`,
    },
  ]);
  return {
    name,
    version,
    description,
    keywords,
    license,
    type,
    sideEffects,
    engines,
    exports: { ...Object.fromEntries(exported), "./package.json": "./package.json" },
    types: exported[0][1].types,
    files: ["lib", "types"],
    dependencies: { "@redis/client": dependencies["@redis/client"] },
    peerDependencies,
    peerDependenciesMeta,
  };
}
