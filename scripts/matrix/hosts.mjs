/**
 * Hosts: ways in which a process with the client may run and end. A signal is sent once the program has written "ready"
 * to stdout. Workers, clusters, child processes, two copies and a missing broker are also tested in tests/integration.
 */
import { cpSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

const NEW = `import { ChouetteClient } from "chouette-iot-client";
const client = new ChouetteClient({ exitSignals: true, exitTimeoutMs: 20000, lingerMs: 60000 });
`;
/** Stores a single record, which is sent at the end. */
const ONE = { m: 1 };
const WAIT = `client.count("m", 1, { timestamp: 1 });
setInterval(() => {}, 1000);
console.log("ready");`;

/**
 * @typedef {object} Host
 * @property {string} main
 * @property {string} [part]
 * @property {NodeJS.Signals} [signal]
 * @property {boolean} [copy]
 * @property {readonly string[]} [packages]
 * @property {Readonly<Record<string, number>>} [expected]
 */

/** @type {Readonly<Record<string, Host>>} */
const HOSTS = {
  "plain Node": { main: `${NEW}client.count("m", 1, { timestamp: 1 });` },
  "plain Node, top-level await of a call": {
    main: `${NEW}await client.count("m", 1, { timestamp: 1 });`,
  },
  "plain Node, SIGTERM": { main: `${NEW}${WAIT}`, signal: "SIGTERM" },
  "plain Node, SIGINT": { main: `${NEW}${WAIT}`, signal: "SIGINT" },
  "a worker thread": {
    main: `import { Worker } from "node:worker_threads"; new Worker("./part.mjs");`,
    part: `${NEW}client.count("m", 1, { timestamp: 1 });`,
  },
  "two cluster workers": {
    main: `import cluster from "node:cluster";
      cluster.setupPrimary({ exec: "part.mjs" });
      cluster.fork();
      cluster.fork();`,
    part: `${NEW}import cluster from "node:cluster";
      client.count("m", 1, { timestamp: 1 });
      cluster.worker.disconnect();`,
    expected: { m: 2 },
  },
  "a forked child": {
    main: `import { fork } from "node:child_process"; fork("part.mjs");`,
    part: `${NEW}client.count("m", 1, { timestamp: 1 });`,
  },
  "two copies of the client, SIGTERM": {
    main: `${NEW}
      import { ChouetteClient as Second } from "second-copy";
      new Second({ exitSignals: true, exitTimeoutMs: 20000, lingerMs: 60000 }).count("m", 1, { timestamp: 1 });
      ${WAIT}`,
    signal: "SIGTERM",
    copy: true,
    expected: { m: 2 },
  },
  "execa loaded and a child running, SIGTERM": {
    packages: ["execa@9"],
    main: `${NEW}import { execa } from "execa"; execa("sleep", ["60"]).catch(() => {});${WAIT}`,
    signal: "SIGTERM",
  },
  "jsdom, with its timers as globals": {
    packages: ["jsdom@26"],
    main: `import { JSDOM } from "jsdom";
      const { window } = new JSDOM("", { pretendToBeVisual: true });
      for (const name of ["setTimeout", "clearTimeout", "setInterval", "clearInterval"]) globalThis[name] = window[name].bind(window);
      const { ChouetteClient } = await import("chouette-iot-client");
      const client = new ChouetteClient({ exitTimeoutMs: 20000 });
      client.count("m", 1, { timestamp: 1 });
      await client.close();
      window.close();`,
  },
};
const RUNTIMES = {
  Bun: { packages: ["@oven/bun-linux-x64"], binary: "@oven/bun-linux-x64/bin/bun", args: [] },
  Deno: { packages: ["@deno/linux-x64-glibc"], binary: "@deno/linux-x64-glibc/deno", args: ["run", "-A"] },
};

export const hosts = {
  title: "Hosts",
  columns: ["everything arrived", "ended"],
  results: ["everything arrived"],
  async *rows(place) {
    for (const [name, host] of Object.entries(HOSTS)) {
      yield await place.withProject(host.packages ?? [], async (project) => [
        name,
        await run(project, host),
        by(host),
      ]);
    }
    for (const [name, { packages, binary, args }] of Object.entries(RUNTIMES)) {
      const rows = await place.withProject(packages, async (project) => {
        const runtime = [join(project.folder, "node_modules", binary), ...args];
        const found = [];
        for (const host of ["plain Node", "plain Node, SIGTERM"]) {
          const label = host.replace("plain Node", name);
          found.push([label, await run(project, HOSTS[host], runtime), by(HOSTS[host])]);
        }
        return found;
      });
      yield* rows;
    }
    yield await place.withProject(["pm2@7"], async (project) => ["PM2, `pm2 stop`", ...(await pm2(project))]);
  },
};

/** @param {any} project  of place.mjs @param {Host} host */
async function run(project, { main, part, signal, copy, expected = ONE }, runtime = [process.execPath]) {
  project.write({ "main.mjs": main, ...(part === undefined ? {} : { "part.mjs": part }) });
  if (copy) {
    const modules = join(project.folder, "node_modules");
    cpSync(join(modules, "chouette-iot-client"), join(modules, "second-copy"), { recursive: true });
  }
  const [command, ...args] = runtime;
  return await project.try(command, [...args, "main.mjs"], expected, { signal });
}

/** @param {Host} host */
function by({ signal }) {
  return signal === undefined ? "by itself" : `by ${signal}`;
}

/** PM2 itself, with a home in the project's folder. */
async function pm2(project) {
  const env = { PM2_HOME: join(project.folder, ".pm2"), CI: "1" };
  const command = (...args) => project.run(project.bin("pm2"), args, env);
  project.write({ "main.mjs": `${NEW}${WAIT}` });
  await project.empty();
  try {
    await command("start", "main.mjs", "--name", "program");
    const ready = async () =>
      (await command("logs", "program", "--nostream", "--raw")).stdout.includes("ready");
    const deadline = Date.now() + 60_000;
    while (!(await ready())) {
      if (Date.now() > deadline) throw new Error("the program did not start");
      await sleep(200);
    }
    await command("stop", "program");
    const [process] = JSON.parse((await command("jlist")).stdout);
    const { exit_code: code, status } = process.pm2_env;
    return [await project.check(ONE), `${status}, exit code ${code}`];
  } finally {
    await command("kill");
  }
}
