/** An agent with a small heap: no client, however careless, takes the memory of another. */
import { describe, expect, it } from "vitest";
import { brokerPort, startAgentProcess } from "../support/agent-process.js";
import { cleanUpsAfterEach } from "../support/clean-ups.js";
import { newFolder } from "../support/folders.js";
import { ask, connectRaw, type RawRedis, request, storing } from "../support/raw-redis.js";

const QUEUE = "chouette:metrics:raw";
const MEBIBYTE = 1024 * 1024;
const SMALL_HEAP = { NODE_OPTIONS: "--max-old-space-size=256" };

const cleanUps = cleanUpsAfterEach();

async function connect(port: number): Promise<RawRedis> {
  const client = await connectRaw(port);
  cleanUps.push(() => client.socket.destroy());
  return client;
}

describe("an agent with a heap of 256 MB", () => {
  async function startSmallAgent(settings: Readonly<Record<string, string>> = {}) {
    const folder = await newFolder();
    cleanUps.push(() => folder.remove());
    const agent = await startAgentProcess({
      ...SMALL_HEAP,
      CHOUETTE_STORAGE_TYPE: "embedded",
      CHOUETTE_LISTEN: "127.0.0.1:0",
      CHOUETTE_DATA_DIR: folder.path,
      CHOUETTE_OUTPUT: "stdout",
      ...settings,
    });
    cleanUps.push(() => agent.end("SIGKILL"));
    return { agent, port: await brokerPort(agent) };
  }

  it("goes on with 200 clients inside MULTI, and stores what others send", async () => {
    const { agent, port } = await startSmallAgent();
    const set = request("HSET", `${QUEUE}.values`, "a", "x".repeat(MEBIBYTE));
    for (let number = 0; number < 200; number++) {
      const client = await connect(port);
      client.send(request("MULTI"));
      for (let part = 0; part < 2; part++) client.send(set);
      await Promise.race([client.closed, client.receives("QUEUED").catch(() => {})]);
    }
    expect(await ask(port, storing(["good"], '{"not":"a metric"}'))).toMatch(/\*2\r\n:1\r\n:1\r\n$/);
    expect(await agent.end()).toBe(0);
  }, 60_000);

  it("goes on with many clients that send small arguments", async () => {
    const { agent, port } = await startSmallAgent();
    const ids = Array.from({ length: 20_000 }, (_, index) => [`${index}`, ""]).flat();
    const set = request("HSET", `${QUEUE}.values`, ...ids);
    for (let number = 0; number < 40; number++) {
      const client = await connect(port);
      client.send(request("MULTI"));
      for (let part = 0; part < 4; part++) client.send(set.replaceAll("\r\n1", `\r\n${part}`));
      await Promise.race([client.closed, client.receives("QUEUED").catch(() => {})]);
    }
    expect(await ask(port, request("PING"))).toBe("+PONG\r\n");
    expect(await agent.end()).toBe(0);
  }, 60_000);
});
