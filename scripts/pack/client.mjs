/**
 * The published client: as ES modules, and as CommonJS for tools that need it.
 *
 * Every Node that is supported loads the ES modules, by `require()` too (condition `module-sync`), so that a process
 * has one default client, however it was loaded. Jest and older bundlers take the CommonJS form.
 */
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { joinCode, writeLicences } from "./bundle.mjs";
import { layDeclarations, placeOf } from "./declarations.mjs";
import { root, sourceManifest, writeManifest } from "./manifest.mjs";

export const clientPackage = { name: "chouette-iot-client", write };

async function write(folder) {
  const source = await sourceManifest("client");
  const client = join(root, "packages/client");
  /** `./testing` → `testing`, `.` → `index`. */
  const entries = Object.entries(source.exports).map(([path, { types, default: code }]) => ({
    path,
    name: path === "." ? "index" : path.slice(2),
    types: join(client, types),
    code: join(client, code),
  }));
  const input = Object.fromEntries(entries.map(({ name, code }) => [name, code]));
  const external = Object.keys(source.peerDependencies);
  const libraries = await joinCode({ input, folder: join(folder, "lib"), format: "esm", external });
  await joinCode({ input, folder: join(folder, "cjs"), format: "cjs", external });
  const declarations = entries.map(({ types }) => types);
  await layDeclarations(declarations, join(folder, "lib/types"));
  await layDeclarations(declarations, join(folder, "cjs/types"));
  await mkdir(join(folder, "cjs"), { recursive: true });
  await writeFile(join(folder, "cjs/package.json"), '{ "type": "commonjs" }\n');
  await writeLicences(libraries, join(folder, "THIRD-PARTY-LICENSES"));
  await writeManifest(folder, source, published(entries), "docs/CLIENT.md");
}

function published(entries) {
  const form = (folder, { name, types }) => ({
    types: `./${folder}/types/${placeOf(types)}`,
    default: `./${folder}/${name}.js`,
  });
  const exported = entries.map((entry) => [
    entry.path,
    { "module-sync": form("lib", entry), require: form("cjs", entry), default: form("lib", entry) },
  ]);
  const [main] = entries;
  return {
    exports: { ...Object.fromEntries(exported), "./package.json": "./package.json" },
    // For tools that don't know `exports`: TypeScript's moduleResolution node10.
    main: form("cjs", main).default,
    types: form("cjs", main).types,
    typesVersions: {
      "*": Object.fromEntries(
        entries.slice(1).map((entry) => [entry.name, [form("cjs", entry).types.slice(2)]]),
      ),
    },
    files: ["lib", "cjs", "THIRD-PARTY-LICENSES"],
  };
}
