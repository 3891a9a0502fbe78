/** The first ten minutes of a new user: what commands print when something isn't right yet. */
import { spawnSync } from "node:child_process";
import { mkdtemp, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { stripVTControlCharacters } from "node:util";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { startIntake } from "../../packages/agent/src/intake/intake.js";
import {
  type AgentSettings,
  brokerPort,
  CHOUETTE,
  chouette,
  runChouette,
  startAgentProcess,
  statusPort,
} from "../support/agent-process.js";
import { newFolder } from "../support/folders.js";
import { run } from "../support/running.js";

const root = fileURLToPath(new URL("../..", import.meta.url));
let folder: Awaited<ReturnType<typeof newFolder>>;
beforeAll(async () => {
  folder = await newFolder();
});
afterAll(() => folder.remove());

/** Runs a command on a terminal of 80 columns. Returns its output. */
async function onTerminal(args: string, settings: AgentSettings = {}): Promise<string> {
  const command = `stty cols 80 rows 24; exec ${process.execPath} ${CHOUETTE} ${args}`;
  const running = run("script", ["-qec", command, "/dev/null"], { env: { ...settings, NO_COLOR: "1" } });
  onTestFinished(async () => void (await running.end("SIGKILL")));
  await running.ended;
  return running.output().replaceAll("\r", "");
}

function expectToFit(text: string) {
  for (const line of text.split("\n")) expect(line.length, line).toBeLessThanOrEqual(80);
}

describe("settings are checked before the start", () => {
  it.each([
    [{ DD_SITE: "https://datadoghq.eu" }, 2, "DD_SITE: expected the domain of Datadog's site"],
    [{ GLOBAL_TAGS: "{" }, 2, "GLOBAL_TAGS: expected tags"],
    [{ METRICS_WRAPPER: "datdog" }, 1, "METRICS_WRAPPER: expected datadog, simple, or a module, but datdog"],
    [{ COLLECTOR_PLUGINS: "hots" }, 1, "COLLECTOR_PLUGINS: hots isn't a built-in collector"],
    [{ CHOUETTE_LISTN: "1" }, 0, "unknown setting CHOUETTE_LISTN: did you mean CHOUETTE_LISTEN?"],
  ])("by `config --check`: %j", async (settings, code, said) => {
    const checked = await chouette(["config", "--check"], settings as unknown as AgentSettings);
    expect(checked).toEqual({ code, output: expect.stringContaining(said) });
  });

  it("by doctor and by the agent itself, which names a misspelled variable", async () => {
    const settings = { CHOUETTE_LISTN: "1", CHOUETTE_LISTEN: "127.0.0.1:0", METRICS_WRAPPER: "datdog" };
    const { output } = await chouette(["doctor"], { ...settings, CHOUETTE_DATA_DIR: folder.path });
    expect(output).toContain("did you mean CHOUETTE_LISTEN?");
    expect(output).toMatch(/^ERROR .*METRICS_WRAPPER/m);
    const agent = await startAgentProcess({
      CHOUETTE_LISTN: "1",
      // Set by Kubernetes for a service that is called chouette.
      CHOUETTE_SERVICE_HOST: "10.0.0.1",
      CHOUETTE_PORT_6379_TCP_ADDR: "10.0.0.1",
      CHOUETTE_LISTEN: "127.0.0.1:0",
      CHOUETTE_DATA_DIR: join(folder.path, "misspelled"),
    });
    await agent.wrote("unknown setting CHOUETTE_LISTN: did you mean CHOUETTE_LISTEN?");
    expect(agent.output()).not.toContain("_SERVICE_HOST");
    expect(agent.output()).not.toContain("_TCP_ADDR");
    await agent.end();
  });

  it("in the file that --config names, before or after the command", async () => {
    const file = join(folder.path, "other.yaml");
    await writeFile(file, "relase_interval: 5\n");
    for (const args of [
      ["--config", file, "config", "--check"],
      ["config", "--check", "--config", file],
    ])
      expect(await chouette(args)).toEqual({
        code: 2,
        output: expect.stringContaining(`${file} line 1: unknown setting "relase_interval"`),
      });
  });
});

describe("two agents on one device", () => {
  it("are distinguished by status, queue and doctor", async () => {
    const settingsOf = (name: string) => ({
      CHOUETTE_LISTEN: "127.0.0.1:0",
      CHOUETTE_DATA_DIR: join(folder.path, name),
    });
    const first = await startAgentProcess({ ...settingsOf("first"), CHOUETTE_HTTP: "127.0.0.1:0" });
    onTestFinished(async () => void (await first.end("SIGKILL")));
    const CHOUETTE_HTTP = `127.0.0.1:${await statusPort(first)}`;
    const second = await startAgentProcess({ ...settingsOf("second"), CHOUETTE_HTTP });
    onTestFinished(async () => void (await second.end("SIGKILL")));
    // The first agent's port: each command still asks the agent of its own settings.
    for (const [name, agent] of [
      ["first", first],
      ["second", second],
    ] as const) {
      const settings = { ...settingsOf(name), CHOUETTE_HTTP };
      const status = JSON.parse((await chouette(["status", "--json"], settings)).output);
      expect(status).toMatchObject({
        pid: agent.child.pid,
        broker: {
          address: `127.0.0.1:${await brokerPort(agent)}`,
          dataDirectory: settings.CHOUETTE_DATA_DIR,
        },
      });
      expect((await chouette(["queue", "ls", "--json"], settings)).code).toBe(0);
    }
    const checked = await chouette(["doctor"], { ...settingsOf("second"), CHOUETTE_HTTP });
    expect(checked.output).toContain(
      `${CHOUETTE_HTTP} is in use by the agent with process ${first.child.pid}`,
    );
    expect(checked.code).toBe(1);
    const third = { ...settingsOf("third"), CHOUETTE_HTTP };
    const noStatus = await chouette(["status"], third);
    expect(noStatus).toMatchObject({ code: 1, output: expect.stringContaining("not to the agent of these") });
    const noQueue = await chouette(["queue", "ls"], third);
    expect(noQueue.output).toContain(`set CHOUETTE_DATA_DIR=${settingsOf("first").CHOUETTE_DATA_DIR}`);
  });
});

describe("chouette send", () => {
  it.each([
    ["1763800000000", "milliseconds"],
    ["1763800000000000", "microseconds"],
    ["1763800000000000000", "nanoseconds"],
  ])("refuses a timestamp of another unit: %s", async (timestamp, unit) => {
    const { code, output } = await chouette(["send", "count", "m", "1", "--timestamp", timestamp]);
    expect(code).toBe(2);
    expect(output).toContain(`timestamp ${timestamp} looks like ${unit}`);
  });

  it("says what becomes of the metric, and where it went", async () => {
    const agent = await startAgentProcess({
      CHOUETTE_LISTEN: "127.0.0.1:0",
      CHOUETTE_DATA_DIR: join(folder.path, "send"),
    });
    onTestFinished(async () => void (await agent.end("SIGKILL")));
    const broker = { CHOUETTE_LISTEN: `127.0.0.1:${await brokerPort(agent)}` };
    const now = await chouette(["send", "count", "m", "1"], broker);
    expect(now.output).toMatch(/^stored in the broker at 127\.0\.0\.1:\d+: its window closes in \d+ s/);
    // The example of its own help.
    const old = await chouette(["send", "gauge", "m", "1", "--timestamp", "1763800000"], broker);
    expect(old.output).toContain("the agent will drop it, since it is older than METRIC_TTL (14400 s)");
    await agent.end();
    const none = await chouette(["send", "count", "m", "1"], broker);
    expect(none).toMatchObject({
      code: 1,
      output: expect.stringMatching(/^not stored in the broker at 127\.0\.0\.1:\d+: /),
    });
  });
});

describe("on a terminal of 80 columns", () => {
  it("config, doctor and collect fit and cut nothing off", async () => {
    const settings = { CHOUETTE_LISTEN: "127.0.0.1:0", CHOUETTE_HTTP: "off", CHOUETTE_DATA_DIR: folder.path };
    for (const args of ["config", "doctor", "collect host --over 0.01"]) {
      const text = await onTerminal(args, settings);
      expect(text.length).toBeGreaterThan(100);
      expectToFit(text);
    }
  });

  it("intake shows what is needed to send to it, and the columns that matter", async () => {
    const intake = run("script", [
      "-qec",
      `stty cols 80 rows 24; exec ${process.execPath} ${CHOUETTE} intake --listen 127.0.0.1:0 --once 1`,
      "/dev/null",
    ]);
    onTestFinished(async () => void (await intake.end("SIGKILL")));
    await intake.wrote(/DATADOG_URL=http:\S+/);
    await intake.wrote("First points are due at most");
    const [, url = ""] = /DATADOG_URL=(http:\S+)/.exec(intake.output()) ?? [];
    const tags = ["environment:production", "region:north-europe-1", "vehicle:truck-0017"];
    const points = [{ timestamp: Math.floor(Date.now() / 1000), value: 1 / 3 }];
    const body = { series: [{ metric: "engine.temperature.celsius", type: 3, tags, points }] };
    await fetch(`${url}/v2/series`, {
      method: "POST",
      headers: { "DD-API-KEY": "any", "Content-Type": "application/json" },
      body: JSON.stringify(body),
    });
    await intake.ended;
    const drawn = stripVTControlCharacters(intake.output().split("\u001b[H").at(-1) ?? "").replaceAll(
      /\r/g,
      "",
    );
    expectToFit(drawn);
    expect(drawn).toMatch(/^Metric +Value +Tags$/m);
    expect(drawn).toContain("0.333333");
    expect(drawn.replaceAll(/\s/g, "")).toContain(tags.join(","));
  });
});

describe("an agent with the settings that `chouette intake` prints", () => {
  it("sends logs there too, and nothing to Datadog", async () => {
    const intake = await startIntake();
    onTestFinished(() => intake.close());
    const running = runChouette(["intake", "--listen", "127.0.0.1:0", "--json"]);
    onTestFinished(async () => void (await running.end("SIGKILL")));
    await running.wrote("listening");
    const { url, settings } = JSON.parse(running.output().split("\n")[0] ?? "");
    expect(settings).toEqual({ DATADOG_URL: `${url}/api`, DATADOG_LOGS_URL: url });
    const config = await chouette(["config", "--json"], { ...settings, API_KEY: "any" });
    const shown: readonly { readonly value: unknown }[] = JSON.parse(config.output);
    const urls = shown.map(({ value }) => value).filter((value) => /^https?:/.test(`${value}`));
    expect(urls).toEqual([`${url}/api`, url]);
  });
});

describe("npm run … -- --help", () => {
  it("installs nothing", async () => {
    const scripts = JSON.parse(
      spawnSync("npm", ["pkg", "get", "scripts"], { cwd: root, encoding: "utf8" }).stdout,
    );
    for (const name of ["bench", "chaos", "fuzz", "mutants"]) {
      expect(scripts[name]).toMatch(/^node scripts\/after-setup\.mjs /);
      expect(scripts).not.toHaveProperty(`pre${name}`);
    }
    const empty = await mkdtemp(join(folder.path, "empty-"));
    const script = join(empty, "script.mjs");
    await writeFile(script, "console.log(process.argv.at(-1))");
    const after = join(root, "scripts/after-setup.mjs");
    const ran = spawnSync(process.execPath, [after, script, "--help"], { encoding: "utf8" });
    expect([ran.stdout, ran.stderr]).toEqual(["--help\n", ""]);
    expect(await readdir(empty)).toEqual(["script.mjs"]);
  });
});
