import { spawnSync } from "node:child_process";
import { mkdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { build } from "rolldown";

const root = fileURLToPath(new URL("..", import.meta.url));
const out = `${root}node_modules/.cache/chouette-model`;
mkdirSync(out, { recursive: true });
await build({
  input: `${root}tests/model/search.ts`,
  cwd: root,
  platform: "node",
  resolve: {
    conditionNames: ["source", "node", "import", "default"],
    extensionAlias: { ".js": [".ts", ".js"] },
  },
  external: (id) => !/^[./]|^@chouette-iot|^chouette-iot|^\//.test(id),
  output: { dir: out, format: "esm" },
  logLevel: "warn",
});
const { status } = spawnSync(process.execPath, [`${out}/search.js`, ...process.argv.slice(2)], {
  stdio: "inherit",
});
process.exit(status ?? 1);
