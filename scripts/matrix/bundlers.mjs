/** Bundlers: the client is part of the bundle, which is then run without node_modules. */
import { cpSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { until } from "../../bench/support/until.mjs";
import { messageOf } from "./place.mjs";
import { commonJs, EXPECTED, esModule } from "./program.mjs";

/** Bundler → packages, files of its own, and for each form what makes `out/main.EXT`. */
const BUNDLERS = {
  esbuild: {
    packages: ["esbuild"],
    esm: (p) => p.run(p.bin("esbuild"), esbuild("esm", "mjs")),
    cjs: (p) => p.run(p.bin("esbuild"), esbuild("cjs", "cjs")),
  },
  webpack: {
    packages: ["webpack", "webpack-cli"],
    files: {
      "webpack.config.mjs": `export default (env) => ({
        target: "node20", mode: "production", entry: "./main.mjs",
        ...(env.esm ? { experiments: { outputModule: true } } : {}),
        output: env.esm
          ? { path: import.meta.dirname + "/out", filename: "main.mjs", module: true, library: { type: "module" } }
          : { path: import.meta.dirname + "/out", filename: "main.cjs" },
      });`,
    },
    esm: (p) => p.run(p.bin("webpack"), ["--env", "esm"]),
    cjs: (p) => p.run(p.bin("webpack"), []),
  },
  rollup: {
    packages: ["rollup", "@rollup/plugin-node-resolve"],
    files: {
      "rollup.config.mjs": `
      import { nodeResolve } from "@rollup/plugin-node-resolve";
      export default { input: "main.mjs", external: /^node:/, plugins: [nodeResolve({ preferBuiltins: true })] };`,
    },
    esm: (p) => p.run(p.bin("rollup"), ["-c", "-f", "es", "-o", "out/main.mjs"]),
    cjs: (p) => p.run(p.bin("rollup"), ["-c", "-f", "cjs", "-o", "out/main.cjs"]),
  },
  rolldown: {
    packages: ["rolldown"],
    esm: (p) => p.run(p.bin("rolldown"), rolldown("esm", "mjs")),
    cjs: (p) => p.run(p.bin("rolldown"), rolldown("cjs", "cjs")),
  },
  "Vite, SSR build": {
    packages: ["vite"],
    name: "vite",
    files: {
      "vite.config.mjs": `export default {
        ssr: { noExternal: true },
        build: { ssr: "main.mjs", outDir: "out", rollupOptions: { output: { entryFileNames: "main.mjs" } } },
      };`,
    },
    esm: (p) => p.run(p.bin("vite"), ["build", "--logLevel", "error"]),
  },
  "Bun build": {
    packages: ["@oven/bun-linux-x64"],
    name: "@oven/bun-linux-x64",
    esm: (p) => p.run(bun(p), ["build", "main.mjs", "--target=node", "--outfile=out/main.mjs"]),
    cjs: (p) =>
      p.run(bun(p), ["build", "main.mjs", "--target=node", "--format=cjs", "--outfile=out/main.cjs"]),
  },
};

export const bundlers = {
  title: "Bundlers",
  columns: ["ESM bundle", "CommonJS bundle", "of a program with require"],
  async *rows(place) {
    for (const [label, bundler] of Object.entries(BUNDLERS)) {
      yield await place.withProject(bundler.packages, (project) => row(project, label, bundler));
    }
    yield await place.withProject(["next@16", "react@19", "react-dom@19"], next);
  },
};

async function row(project, label, bundler) {
  const version = project.version(bundler.name ?? label);
  const [head, ...tail] = label.split(",");
  project.write({ "main.mjs": esModule, ...bundler.files });
  const cells = [await cell(project, bundler.esm, "mjs"), await cell(project, bundler.cjs, "cjs")];
  project.write({ "main.mjs": "", "main.cjs": commonJs });
  return [[`${head} ${version}`, ...tail].join(","), ...cells, await fromRequire(project, label)];
}

/** Of `require` calls, only bundlers that read CommonJS without a plugin can make a bundle. */
async function fromRequire(project, label) {
  if (label === "esbuild")
    return await cell(project, (p) => p.run(p.bin("esbuild"), esbuild("cjs", "cjs", "main.cjs")), "cjs");
  if (label === "webpack")
    return await cell(project, (p) => p.run(p.bin("webpack"), ["--entry-reset", "./main.cjs"]), "cjs");
  if (label === "rolldown")
    return await cell(project, (p) => p.run(p.bin("rolldown"), rolldown("cjs", "cjs", "main.cjs")), "cjs");
  return "–";
}

async function cell(project, build, extension) {
  if (build === undefined) return "–";
  try {
    await build(project);
  } catch (error) {
    return `fails to build: ${messageOf(error).slice(0, 500)}`;
  }
  // Elsewhere, so that the bundle must contain everything.
  const elsewhere = mkdtempSync(join(tmpdir(), "chouette-bundle-"));
  try {
    cpSync(join(project.folder, "out"), elsewhere, { recursive: true });
    return await project.try(process.execPath, [join(elsewhere, `main.${extension}`)], EXPECTED);
  } finally {
    rmSync(elsewhere, { recursive: true, force: true });
  }
}

function esbuild(format, extension, entry = "main.mjs") {
  return [entry, "--bundle", "--platform=node", `--format=${format}`, `--outfile=out/main.${extension}`];
}

function rolldown(format, extension, entry = "main.mjs") {
  return [entry, "--platform", "node", "--format", format, "--file", `out/main.${extension}`];
}

function bun(project) {
  return join(project.folder, "node_modules/@oven/bun-linux-x64/bin/bun");
}

/** Next, as a route that the server answers: the client is an external package, as `serverExternalPackages` asks. */
async function next(project) {
  mkdirSync(join(project.folder, "app/count"), { recursive: true });
  const route = `export const dynamic = "force-dynamic";
    let client;
    export async function GET() {
      client ??= new ChouetteClient();
      client.count("flushed", 2, { timestamp: 1 });
      client.count("at_end", 1, { timestamp: 1 });
      return Response.json(await client.flush({ timeoutMs: 20000 }));
    }`;
  project.write({
    "app/layout.js": "export default ({ children }) => <html><body>{children}</body></html>;",
    "app/count/route.js": `import { ChouetteClient } from "chouette-iot-client";\n${route}`,
  });
  const cells = [];
  for (const external of ["[]", `["chouette-iot-client"]`]) {
    project.write({ "next.config.mjs": `export default { serverExternalPackages: ${external} };` });
    cells.push(await serveNext(project));
  }
  return [
    `Next ${project.version("next")}`,
    ...cells.map((cell, index) => `${cell} (${index === 0 ? "bundled" : "external"})`),
    "–",
  ];
}

async function serveNext(project) {
  try {
    await project.run(project.bin("next"), ["build"]);
  } catch (error) {
    return `fails to build: ${messageOf(error).slice(-500)}`;
  }
  await project.empty();
  const server = project.start(project.bin("next"), [
    "start",
    project.folder,
    "--port",
    "0",
    "--hostname",
    "127.0.0.1",
  ]);
  try {
    const address = () => /http:\/\/[^/\s]+:\d+/.exec(server.output())?.[0];
    await until("Next to start", address);
    const answer = await fetch(`${address()}/count`);
    const text = await answer.text();
    return text === "true"
      ? await project.check(EXPECTED)
      : `answered ${answer.status} ${text.slice(0, 200)}`;
  } finally {
    await server.stop();
  }
}
