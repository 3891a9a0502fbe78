/** Delivery over slow links, and secrets that an answer repeats. Connections: packages/agent/src/outputs/http.test.ts. */
import { describe, expect, it } from "vitest";
import { type Answering, accept, answeringServers, PROTOCOLS } from "../support/answering-servers.js";
import { cleanUpsAfterEach } from "../support/clean-ups.js";
import { deliveries, KEY } from "../support/delivering.js";
import { until } from "../support/until.js";

const cleanUps = cleanUpsAfterEach();
const { secure, startServer, senderTo } = answeringServers(cleanUps);
const { deliverTo } = deliveries(cleanUps);

describe("a slow link", () => {
  it("carries a body that takes much longer than an answer may, while bytes flow", async () => {
    const { url } = await startServer(
      (request, response) => {
        // As slow as a link of 3 MB/s, by pieces that the kernel must not take at once.
        request.on("data", () => {
          request.pause();
          setTimeout(() => request.resume(), 20);
        });
        request.on("end", () => response.writeHead(202).end());
      },
      { isReading: false },
    );
    const started = performance.now();
    expect(await senderTo(url, { answer: 600 }).post(6_000_000)).toEqual({
      kind: "delivered",
      bytes: 6_000_000,
    });
    expect(performance.now() - started).toBeGreaterThan(1_200);
  });

  it.runIf(process.platform === "linux").each(PROTOCOLS)(
    "that stands still is given up, however much the kernel has taken: by %s",
    async (protocol) => {
      const { url } = await startServer((request) => void request.pause(), { isReading: false, protocol });
      const started = performance.now();
      const outcome = await senderTo(url, { answer: 400 }).post(1_000_000);
      expect(outcome).toMatchObject({ kind: "unavailable", reason: "no response for 400 ms" });
      expect(performance.now() - started).toBeLessThan(4_000);
    },
  );

  it("gets less at a time after a time-out, and more again", async () => {
    const sizes: number[] = [];
    const { url } = await startServer((request, response) => {
      sizes.push(Number(request.headers["content-length"]));
      if (sizes.length > 2) accept(request, response, sizes.length);
    });
    const delivering = deliverTo(url, { batchSize: 64 });
    for (let index = 0; index < 100; index++) await delivering.put(`metric.${Math.random()}`);
    for (let release = 0; release < 3; release++) await delivering.dispatcher.dispatch();
    expect(await delivering.waiting()).toBe(0);
    const [first = 0, second = 0, third = 0, ...others] = sizes;
    expect(second).toBeLessThan(0.7 * first);
    expect(third).toBeLessThan(0.7 * second);
    expect(Math.max(...others)).toBeGreaterThan(third);
  });
});

describe("secrets", () => {
  it.each([
    ...[200, 400, 403, 413, 503].map((status) => [status, "http/1.1"] as const),
    [400, "h2"] as const,
  ])("that an answer of %d repeats are in no reason and no log: by %s", async (status, protocol) => {
    const repeat: Answering = (request, response) => {
      response.writeHead(status);
      response.end(`You sent: ${JSON.stringify(request.headers)} to http://owl:pass-word@host/`);
    };
    const { url } = await startServer(repeat, { protocol });
    const withUser = url.replace("://", "://owl:pass-word@");
    const connection = { certificateAuthority: secure.ca };
    const delivering = deliverTo(withUser, { batchSize: 1, connection });
    await delivering.put("a");
    await delivering.put("b");
    delivering.run();
    await until("some attempts", () => delivering.waits.length > 3);
    const told = JSON.stringify([delivering.details, await delivering.rejected()]);
    expect(told).toContain("You sent");
    // They were sent, as was the key.
    expect(told).toContain("authorization");
    const basic = Buffer.from("owl:pass-word").toString("base64");
    for (const secret of [KEY, "pass-word", basic]) expect(told).not.toContain(secret);
  });
});
