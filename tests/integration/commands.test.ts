/** `chouette demo`, `agent --once`, `completion` and `support-bundle`, as processes. */
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdir, readdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { startIntake } from "../../packages/agent/src/intake/intake.js";
import { brokerPort, CHOUETTE, chouette, runChouette, startAgentProcess } from "../support/agent-process.js";
import { newFolder } from "../support/folders.js";
import { CLOSED_PORT } from "../support/ports.js";

const KEY = "0123456789abcdef0123456789abcdef";
let folder: Awaited<ReturnType<typeof newFolder>>;
beforeAll(async () => {
  folder = await newFolder();
});
afterAll(() => folder.remove());

/** Stores a count through an agent that is killed before its window closes. */
async function leaveRecord(data: string): Promise<void> {
  const agent = await startAgentProcess({ CHOUETTE_LISTEN: "127.0.0.1:0", CHOUETTE_DATA_DIR: data });
  const broker = { CHOUETTE_LISTEN: `127.0.0.1:${await brokerPort(agent)}` };
  const minuteAgo = `${Math.floor(Date.now() / 1000) - 60}`;
  await chouette(["send", "count", "left.behind", "3"], broker);
  await chouette(["send", "count", "left.earlier", "4", "--timestamp", minuteAgo], broker);
  await agent.end("SIGKILL");
}

describe("chouette demo", () => {
  it("shows metrics of its program and of the host, and leaves nothing behind", async () => {
    const demo = runChouette(["demo"], { TMPDIR: folder.path });
    onTestFinished(() => void demo.end("SIGKILL"));
    await demo.wrote("Its first points are due in 7 s");
    await demo.wrote(/shop\.requests +count +\d+ .*route:\//);
    await demo.wrote("Chouette.host.memory.used");
    expect(await demo.end("SIGINT")).toBe(0);
    expect(demo.output()).toMatch(/^Points: \d+ received/m);
    expect(spawnSync("ls", [folder.path], { encoding: "utf8" }).stdout).toBe("");
  });
});

describe("chouette demo, if it can't start", () => {
  it("leaves nothing behind, and reports why", async () => {
    // The longest path is of 4,095 bytes: the demo's folder has room in it, its files don't.
    const levels = Array.from({ length: 19 }, () => "long".repeat(50));
    const upper = join(folder.path, ...levels);
    const temporary = join(upper, "x".repeat(4_073 - upper.length - 1));
    await mkdir(temporary, { recursive: true });
    const { code, output } = await chouette(["demo", "--for", "1"], { TMPDIR: temporary });
    expect(code).toBe(1);
    expect(output).toContain(temporary);
    expect(output).not.toMatch(/^ +at /m);
    expect(await readdir(temporary)).toEqual([]);
  });
});

describe("chouette agent --once", () => {
  it("delivers what is due, leaves an open window in its queue, and exits", async () => {
    const intake = await startIntake();
    onTestFinished(() => intake.close());
    const data = join(folder.path, "once");
    await leaveRecord(data);
    const settings = {
      CHOUETTE_LISTEN: "127.0.0.1:0",
      CHOUETTE_DATA_DIR: data,
      API_KEY: KEY,
      DATADOG_URL: `${intake.url}/api`,
      DATADOG_LOGS_URL: intake.url,
    };
    const { code, output } = await chouette(["agent", "--once"], settings);
    expect(output).toContain("everything that was due was delivered");
    expect(code).toBe(0);
    expect(intake.points().map(({ metric, value }) => [metric, value])).toContainEqual(["left.earlier", 4]);
  });

  it("reports why not everything was delivered, with exit code 1", async () => {
    const data = join(folder.path, "once-without-link");
    await leaveRecord(data);
    const { code, output } = await chouette(["agent", "--once"], {
      CHOUETTE_LISTEN: "127.0.0.1:0",
      CHOUETTE_DATA_DIR: data,
      API_KEY: KEY,
      DATADOG_URL: `http://127.0.0.1:${CLOSED_PORT}/api`,
    });
    expect(output).toMatch(/not everything was delivered: Datadog unavailable: .*ECONNREFUSED/);
    expect(code).toBe(1);
  });
});

describe("an agent that prints its metrics", () => {
  it("has stdout for them alone, as JSON lines, and logs to stderr", async () => {
    const data = join(folder.path, "printed");
    await leaveRecord(data);
    const env = {
      ...process.env,
      CHOUETTE_LISTEN: "127.0.0.1:0",
      CHOUETTE_HTTP: "off",
      CHOUETTE_DATA_DIR: data,
    };
    const child = spawn(process.execPath, [CHOUETTE, "agent", "--once"], {
      env: { ...env, API_KEY: undefined, REDIS_URL: undefined, REDIS_HOST: undefined },
      stdio: ["ignore", "pipe", "pipe"],
    });
    const [out, log] = await Promise.all([text(child.stdout), text(child.stderr), once(child, "close")]);
    const metrics = out
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line));
    expect(metrics).toContainEqual(
      expect.objectContaining({ metric: "left.earlier", points: [[expect.any(Number), 4]] }),
    );
    for (const line of log.trim().split("\n")) expect(JSON.parse(line)).toHaveProperty("level");
  });
});

describe("chouette completion", () => {
  it("completes commands, subcommands, choices and options in bash", async () => {
    const script = join(folder.path, "completion.bash");
    await writeFile(script, (await chouette(["completion", "bash"])).output);
    const complete = (...words: readonly string[]) => {
      const array = words.map((word) => `"${word}"`).join(" ");
      const code = `source ${script}; COMP_WORDS=(chouette ${array}); COMP_CWORD=${words.length}; _chouette; echo "\${COMPREPLY[@]}"`;
      return spawnSync("bash", ["-c", code], { encoding: "utf8" }).stdout.trim();
    };
    expect(complete("do")).toBe("doctor");
    expect(complete("queue", "p")).toBe("peek purge");
    expect(complete("queue", "peek", "r")).toBe("raw ready rejected");
    expect(complete("config", "--c")).toBe("--check");
    expect(complete("send", "g")).toBe("gauge");
  });

  it("has scripts for zsh and fish with the same words", async () => {
    const zsh = (await chouette(["completion", "zsh"])).output;
    expect(zsh).toMatch(/^#compdef chouette\n/);
    const fish = (await chouette(["completion", "fish"])).output;
    expect(fish).toContain('complete -c chouette -n "__fish_use_subcommand" -a doctor');
    expect(fish).toContain('complete -c chouette -n "__fish_seen_subcommand_from config" -l check');
  });
});

describe("chouette support-bundle", () => {
  it("writes one file that only its owner can read, without secrets", async () => {
    const output = join(folder.path, "bundle.txt");
    const settings = {
      API_KEY: KEY,
      CHOUETTE_PASSWORD: "correct-horse",
      REDIS_URL: `redis://user:staple@127.0.0.1:${CLOSED_PORT}`,
      HTTPS_PROXY: `http://user:battery@127.0.0.1:${CLOSED_PORT}`,
      DATADOG_URL: `https://127.0.0.1:${CLOSED_PORT}/api`,
      GLOBAL_TAGS: "zone:a",
    };
    expect((await chouette(["support-bundle", "--output", output], settings)).code).toBe(0);
    const content = await readFile(output, "utf8");
    for (const section of ["machine", "settings", "doctor", "status", "log"])
      expect(content).toContain(`# ${section}\n`);
    expect(content).toContain("zone:a");
    for (const secret of [KEY, "correct-horse", "staple", "battery"]) expect(content).not.toContain(secret);
    expect((await stat(output)).mode & 0o777).toBe(0o600);
    // It overwrites nothing.
    expect((await chouette(["support-bundle", "--output", output], settings)).code).toBe(1);
  });
});
