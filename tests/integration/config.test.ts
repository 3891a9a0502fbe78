/** Settings of a real process: the file and the environment, exit codes, SIGHUP. */
import { chmod, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { CHOUETTE, chouette, startAgentProcess } from "../support/agent-process.js";
import { newFolder } from "../support/folders.js";
import { run } from "../support/running.js";

const KEY = "0123456789abcdef0123456789abcdef";
let folder: Awaited<ReturnType<typeof newFolder>>;
let path: string;

beforeEach(async () => {
  folder = await newFolder();
  path = join(folder.path, "chouette.yaml");
});
afterEach(() => folder.remove());

describe("chouette config", () => {
  it("reads chouette.yaml where it is started, the environment before it, and hides secrets", async () => {
    await writeFile(path, `api_key: ${KEY}\nhost: from-file\nrelease_interval: 30\n`);
    const running = run(process.execPath, [CHOUETTE, "config", "--json"], {
      cwd: folder.path,
      env: { API_KEY: undefined, HOST: "from-environment", CHOUETTE_CONFIG: undefined },
    });
    expect(await running.ended).toBe(0);
    expect(running.output()).not.toContain(KEY);
    const shown: readonly { names: string[]; value: unknown; source: string }[] = JSON.parse(
      running.output(),
    );
    const byName = new Map(shown.map((setting) => [setting.names[0], setting]));
    expect(byName.get("API_KEY")).toMatchObject({
      value: "(hidden)",
      source: "chouette.yaml line 1, api_key",
    });
    expect(byName.get("HOST")).toMatchObject({ value: "from-environment", source: "HOST" });
    expect(byName.get("RELEASE_INTERVAL")).toMatchObject({ value: 30 });
    expect(byName.get("METRIC_TTL")).toMatchObject({ source: "default" });
  });
});

describe("exit code 2", () => {
  it("is for wrong settings, all named, wherever they came from", async () => {
    await writeFile(path, "bulk_size: 1\nmetric_ttl: soon\n");
    const { code, output } = await chouette(["agent"], { CHOUETTE_CONFIG: path, AGGREGATE_GRACE: "-1" });
    expect(code).toBe(2);
    expect(output).toContain("3 invalid settings:");
    expect(output).toContain(`${path} line 1: unknown setting "bulk_size"`);
    expect(output).toContain(`${path} line 2, metric_ttl: expected a whole number`);
    expect(output).toContain("AGGREGATE_GRACE: expected a whole number");
  });

  it("is for a file that was named and can't be read", async () => {
    const { code, output } = await chouette(["config"], { CHOUETTE_CONFIG: path });
    expect(code).toBe(2);
    expect(output).toContain("CHOUETTE_CONFIG: can't read the file: ENOENT");
  });

  it.each([
    [["config", "--jsn"], "unknown option '--jsn'"],
    [["agnet"], "unknown command 'agnet'"],
    [["send", "count"], "missing required argument 'name'"],
    [["send", "count", "m", "1", "2"], "expected one number"],
    [["send", "count", "m", "one"], '"one" is not a number'],
  ])("is for a wrong command line: %s", async (args, said) => {
    const { code, output } = await chouette(args);
    expect(code).toBe(2);
    expect(output).toContain(said);
  });
});

describe("SIGHUP", () => {
  it("has the agent go on with what changed, and say what holds from the next start", async () => {
    const write = (text: string) =>
      writeFile(path, `listen: 127.0.0.1:0\ndata_dir: ${folder.path}/data\n${text}`);
    await write("log_level: info\n");
    await chmod(path, 0o600);
    const agent = await startAgentProcess({ CHOUETTE_CONFIG: path, CHOUETTE_HTTP: "off" });
    await write("log_level: debug\nrelease_interval: 1\nfsync: always\n");
    agent.child.kill("SIGHUP");
    await agent.wrote("settings reloaded");
    expect(agent.output()).toContain(
      '"settings":["fsync"],"msg":"settings changed that take effect after a restart"',
    );
    expect(agent.output()).toContain('"settings":["releaseInterval","logLevel"],"msg":"settings reloaded"');
    await write("release_interval: never\n");
    agent.child.kill("SIGHUP");
    await agent.wrote("settings not reloaded: they are invalid");
    expect(await agent.end()).toBe(0);
  });
});
