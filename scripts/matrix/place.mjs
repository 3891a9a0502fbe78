/**
 * Where the matrix runs: a redis-server, the packed client, and a temporary folder in which one tool at a time is
 * installed.
 *
 * A program passes if it ends by itself, prints nothing to stderr, and all its records are in Redis.
 */
import { execFile, spawn } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { Redis } from "ioredis";
import { startRedis } from "../../bench/support/redis.mjs";
import { startServer } from "../../bench/support/server.mjs";
import { clientPackage } from "../pack/client.mjs";

const runFile = promisify(execFile);
/** Milliseconds. The largest, Next's build, takes about one. */
const COMMAND_TIMEOUT = 240_000;
const PROGRAM_TIMEOUT = 60_000;
const QUEUE = "chouette:metrics:raw";

/** @returns {string} */
export function messageOf(error) {
  return error instanceof Error ? error.message : String(error);
}

/** The output of a program that failed, or why it didn't start. */
function outputOf(error) {
  return `${error.stdout ?? ""}${error.stderr ?? ""}` || messageOf(error);
}

/** @typedef {Awaited<ReturnType<typeof openPlace>>} Place */

export async function openPlace() {
  const folder = mkdtempSync(join(tmpdir(), "chouette-matrix-"));
  const server = await startRedis(folder);
  const redis = new Redis(server.port, "127.0.0.1");
  const client = join(folder, "client");
  await clientPackage.write(client);
  const env = { ...process.env, REDIS_URL: server.url, NEXT_TELEMETRY_DISABLED: "1" };

  /**
   * Creates a project with the client and these packages, and removes it after `use`.
   * @param {readonly string[]} packages as npm takes them: `jest@30`
   * @param {(project: Project) => Promise<T>} use
   * @template T
   */
  async function withProject(packages, use) {
    const project = openProject(mkdtempSync(join(folder, "project-")));
    try {
      project.write({ "package.json": "{}" });
      if (packages.length > 0)
        await project.run("npm", ["install", "--no-audit", "--no-fund", "--loglevel=error", ...packages]);
      cpSync(client, join(project.folder, "node_modules/chouette-iot-client"), { recursive: true });
      return await use(project);
    } finally {
      rmSync(project.folder, { recursive: true, force: true });
    }
  }

  /** @typedef {ReturnType<typeof openProject>} Project */
  function openProject(path) {
    return {
      folder: path,
      bin: (name) => join(path, "node_modules/.bin", name),
      /** @param {Readonly<Record<string, string>>} files path → text */
      write: (files) => {
        for (const [file, text] of Object.entries(files)) writeFileSync(join(path, file), text);
      },
      /** The version of an installed package. */
      version: (name) =>
        JSON.parse(readFileSync(join(path, "node_modules", name, "package.json"), "utf8")).version,
      /** Runs a tool. @throws with what it printed */
      run: async (command, args, more = {}) => {
        try {
          const options = { cwd: path, env: { ...env, ...more }, timeout: COMMAND_TIMEOUT };
          return await runFile(command, args, { ...options, maxBuffer: 2 ** 26 });
        } catch (error) {
          throw new Error(outputOf(error));
        }
      },
      /**
       * Runs a program and looks at what it stored.
       * @param {Readonly<Record<string, number>>} expected metric → sum of its values
       * @returns {Promise<string>} "yes", or what is wrong
       */
      try: async (command, args, expected, options = {}) => {
        await redis.flushall();
        const ended = await runProgram(command, args, path, { ...env, ...options.env }, options.signal);
        const how = options.signal ?? "0";
        if (ended.how !== how) return `ended with ${ended.how}: ${ended.stderr.slice(-400)}`;
        if (ended.stderr !== "") return `printed ${ended.stderr.slice(0, 400)}`;
        return compare(await stored(), expected);
      },
      /** Starts a server. Its folder is this process's. */
      start: (command, args) => startServer(command, args, env),
      /** What is stored since the last `try` or `empty`. */
      check: async (expected) => compare(await stored(), expected),
      empty: () => redis.flushall(),
    };
  }

  async function stored() {
    const sums = {};
    for (const text of await redis.hvals(`${QUEUE}.values`)) {
      const { metric, value } = JSON.parse(text);
      sums[metric] = (sums[metric] ?? 0) + value;
    }
    return sums;
  }

  return {
    withProject,
    port: server.port,
    close: async () => {
      redis.disconnect();
      await server.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

function compare(sums, expected) {
  const wrong = Object.entries(expected).filter(([metric, sum]) => sums[metric] !== sum);
  const shown = wrong.map(([metric, sum]) => `${metric} ${sums[metric] ?? 0} of ${sum}`);
  return wrong.length === 0 ? "yes" : `lost ${shown.join(", ")}`;
}

/** @param signal is sent once the program prints `ready` */
async function runProgram(command, args, cwd, env, signal) {
  const child = spawn(command, args, { cwd, env, stdio: ["ignore", "pipe", "pipe"] });
  let stdout = "";
  let stderr = "";
  child.stdout.on("data", (data) => {
    const wasReady = stdout.includes("ready");
    stdout += data;
    if (signal !== undefined && !wasReady && stdout.includes("ready")) child.kill(signal);
  });
  child.stderr.on("data", (data) => {
    stderr += data;
  });
  const deadline = setTimeout(() => child.kill("SIGKILL"), PROGRAM_TIMEOUT);
  const how = await new Promise((resolve) => {
    child.once("error", (error) => resolve(error.message));
    child.once("close", (code, by) => resolve(by ?? `${code}`));
  });
  clearTimeout(deadline);
  return { how, stdout, stderr };
}
