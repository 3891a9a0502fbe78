/** The published agent: the `chouette` command, and the types for custom wrappers and collectors. */
import { cp, mkdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { joinCode, writeLicences } from "./bundle.mjs";
import { layDeclarations, placeOf } from "./declarations.mjs";
import { root, sourceManifest, writeManifest } from "./manifest.mjs";

export const agentPackage = { name: "chouette-iot", write };

const BIN = "bin/chouette.js";
/** For deploy/install.sh, and for people who install the package by hand. */
const UNIT = "chouette.service";

async function write(folder) {
  const source = await sourceManifest("agent");
  const agent = join(root, "packages/agent");
  const { types, default: index } = source.exports["."];
  const input = { main: join(agent, "dist/cli/main.js"), index: join(agent, index) };
  const external = Object.keys(source.peerDependencies);
  const libraries = await joinCode({ input, folder: join(folder, "lib"), format: "esm", external });
  await cp(
    join(root, "node_modules/@bokuweb/zstd-wasm/dist/common/zstd.wasm"),
    join(folder, "lib/zstd.wasm"),
  );
  await layDeclarations([join(agent, types)], join(folder, "lib/types"));
  await writeCommand(agent, folder);
  const others = source.files.filter((name) => !["bin", "dist"].includes(name));
  for (const name of others) await cp(join(agent, name), join(folder, name), { recursive: true });
  await cp(join(root, "deploy/systemd", UNIT), join(folder, UNIT));
  await writeLicences(libraries, join(folder, "THIRD-PARTY-LICENSES"));
  const declared = `./lib/types/${placeOf(join(agent, types))}`;
  const published = {
    bin: source.bin,
    exports: {
      ".": { types: declared, default: "./lib/index.js" },
      "./chouette.schema.json": "./chouette.schema.json",
      "./package.json": "./package.json",
    },
    types: declared,
    files: ["bin", "lib", ...others, UNIT, "THIRD-PARTY-LICENSES"],
  };
  await writeManifest(folder, source, published, "README.md");
}

/** The command's own files stay separate, since it sets the heap size before anything else is loaded. */
async function writeCommand(agent, folder) {
  await mkdir(join(folder, dirname(BIN)));
  const text = await readFile(join(agent, BIN), "utf8");
  await writeFile(join(folder, BIN), text.replace("../dist/cli/main.js", "../lib/main.js"), { mode: 0o755 });
  await cp(join(agent, "bin/small-heap.js"), join(folder, "bin/small-heap.js"));
}
