/** The `chouette` command as a process: help, errors, and `send`. */
import { readFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { createServer as createHttpServer } from "node:http";
import { createServer } from "node:net";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { type AgentSettings, chouette } from "../support/agent-process.js";
import { startTestBroker } from "../support/broker.js";
import { newFolder } from "../support/folders.js";
import { listen } from "../support/listening.js";
import { CLOSED_PORT } from "../support/ports.js";
import { startRedis } from "../support/redis-server.js";

const { version } = JSON.parse(
  readFileSync(new URL("../../packages/agent/package.json", import.meta.url), "utf8"),
);

const STORED = { code: 0, output: expect.stringMatching(/^stored in the broker at 127\.0\.0\.1:\d+: /) };

describe("chouette", () => {
  it.each(["--version", "-V"])("tells its version by %s, and nothing else", async (option) => {
    expect(await chouette([option])).toEqual({ code: 0, output: `${version}\n` });
  });

  it("names that option and every command in its help", async () => {
    const { code, output } = await chouette(["--help"]);
    expect(code).toBe(0);
    expect(output).toContain("-V, --version");
    for (const command of ["agent", "send", "collect", "status", "doctor", "queue", "config", "intake"])
      expect(output).toMatch(new RegExp(`^  ${command} `, "m"));
  });
});

describe("whatever a server answers", () => {
  const ATTACK = "\u001b]52;c;eA==\u0007 \u007f \u009b2J";

  it.each([
    ["queue", "ls"],
    ["doctor", "--json"],
  ])("nothing of it steers the terminal of %s %s", async (...args) => {
    const server = createServer((socket) => {
      socket.on("data", () => socket.write(`-WRONGPASS ${ATTACK}\r\n`));
    });
    const { port, stop } = await listen(server);
    const { output } = await chouette(args, { REDIS_URL: `redis://:password@127.0.0.1:${port}` });
    await stop();
    expect(output).toContain("]52;c;eA==");
    expect(output.replaceAll("\n", "")).not.toMatch(/\p{Cc}/u);
  });
});

describe("chouette top", () => {
  it("shows why the agent refuses it", async () => {
    const reason = "only for this device: set CHOUETTE_HTTP_TOKEN";
    const server = createHttpServer((_, response) => response.writeHead(403).end(`${reason}\n`));
    const { port, stop } = await listen(server);
    const address = `127.0.0.1:${port}`;
    const { code, output } = await chouette(["top", "--json"], { CHOUETTE_HTTP: address });
    await stop();
    expect({ code, output }).toEqual({ code: 1, output: `${address}: ${reason}\n` });
  });
});

describe("chouette send", () => {
  const PASSWORD = "p@ss:w/ord";
  const SEND = ["send", "count", "my.metric", "1", "--tag", "zone:a"];

  async function settingsFile(text: string): Promise<AgentSettings> {
    const folder = await newFolder();
    onTestFinished(folder.remove);
    const path = join(folder.path, "chouette.yaml");
    await writeFile(path, text);
    return { CHOUETTE_CONFIG: path };
  }

  it("stores at the agent that the settings file names, with its password", async () => {
    const broker = await startTestBroker({ password: PASSWORD });
    onTestFinished(broker.stop);
    const yaml = (listen: string) => settingsFile(`listen: ${listen}\npassword: ${PASSWORD}\n`);
    const everywhere = await yaml(`0.0.0.0:${broker.port}`);
    expect(await chouette(SEND, everywhere)).toEqual(STORED);
    expect(await broker.store.size("chouette:metrics:raw")).toBe(1);
    const { code, output } = await chouette(SEND, { ...everywhere, CHOUETTE_PASSWORD: "wrong" });
    expect(code).toBe(1);
    expect(output).toMatch(/not stored in the broker at \S+: WRONGPASS/);
    expect(output).not.toContain(PASSWORD);
  });

  it("stores at the Redis server that the settings name, the environment before the file", async () => {
    const redis = await startRedis();
    onTestFinished(redis.stop);
    const file = await settingsFile(`redis_url: ${redis.url}\nlisten: ${CLOSED_PORT}\n`);
    expect(await chouette(SEND, file)).toEqual(STORED);
    const elsewhere = `redis://127.0.0.1:${CLOSED_PORT}`;
    expect((await chouette(SEND, { ...file, REDIS_URL: elsewhere })).code).toBe(1);
    const nothing = await settingsFile("");
    expect(await chouette(SEND, { ...nothing, REDIS_PORT: `${redis.port}` })).toEqual(STORED);
  });

  it("says what is wrong with the settings", async () => {
    const { code, output } = await chouette(SEND, await settingsFile("listen: nowhere\n"));
    expect(code).toBe(2);
    expect(output).toContain("line 1, listen: expected host:port");
  });
});
