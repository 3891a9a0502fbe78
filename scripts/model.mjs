/**
 * `npm run model -- --runs N --seed N --broker embedded|redis|pair`: the model of the whole pipeline, for longer than
 * in `npm test`. Without --broker, each broker gets a share of the runs.
 *
 * `--store redis|embedded` runs it on a real server or on files instead of in memory. With `--replay '[…]'`, one
 * sequence. Further options narrow the search: see tests/model/main.ts.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync } from "node:fs";
import { availableParallelism } from "node:os";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { build } from "rolldown";

const root = fileURLToPath(new URL("..", import.meta.url));
const folder = `${root}node_modules/.cache/chouette-model`;
/** The share of each broker in ten runs: a pair of agents takes longest. */
const SHARES = { embedded: 5, redis: 4, pair: 1 };

const { values, tokens } = parseArgs({
  options: {
    seed: { type: "string", default: `${Math.floor(Math.random() * 2 ** 31)}` },
    runs: { type: "string", default: "10000" },
    broker: { type: "string" },
    replay: { type: "string" },
  },
  strict: false,
  tokens: true,
});
const known = new Set(["seed", "runs", "broker", "replay"]);
const others = tokens
  .filter((token) => token.kind === "option")
  .filter(({ name }) => !known.has(name))
  .map(({ name, value }) => `--${name}=${value ?? process.argv[process.argv.indexOf(`--${name}`) + 1]}`);

await bundle();
if (values.replay !== undefined) {
  process.exitCode = await run([
    "--broker",
    values.broker ?? "embedded",
    "--replay",
    values.replay,
    ...others,
  ]);
} else {
  const brokers = values.broker === undefined ? Object.keys(SHARES) : [values.broker];
  const total = brokers.reduce((sum, broker) => sum + (SHARES[broker] ?? 1), 0);
  const processes = availableParallelism();
  console.log(`seed ${values.seed}`);
  const lanes = Array.from({ length: processes }, (_, lane) => lane);
  const codes = await Promise.all(
    lanes.map(async (lane) => {
      for (const broker of brokers) {
        const runs = Math.ceil((Number(values.runs) * (SHARES[broker] ?? 1)) / total / processes);
        const seed = Number(values.seed) + lane * 1_000_000;
        const code = await run(["--broker", broker, "--runs", `${runs}`, "--seed", `${seed}`, ...others]);
        if (code !== 0) return code;
      }
      return 0;
    }),
  );
  process.exitCode = Math.max(...codes);
}

/** Bundles the model and its sources into one file, so that thousands of processes start fast. */
async function bundle() {
  mkdirSync(folder, { recursive: true });
  await build({
    input: `${root}tests/model/main.ts`,
    cwd: root,
    platform: "node",
    resolve: {
      conditionNames: ["source", "node", "import", "default"],
      extensionAlias: { ".js": [".ts", ".js"] },
    },
    external: (id) => !/^[./]|^@chouette-iot/.test(id),
    output: { dir: folder, format: "esm" },
    logLevel: "warn",
  });
}

async function run(args) {
  const child = spawn(process.execPath, [`${folder}/main.js`, ...args], { stdio: "inherit" });
  const [code] = await once(child, "exit");
  return code ?? 1;
}
