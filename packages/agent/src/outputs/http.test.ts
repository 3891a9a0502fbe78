/** Requests over real connections: when these are kept and when not, what ends a request, and what it leaves behind. */
import { readFile } from "node:fs/promises";
import { describe, expect, it, vi } from "vitest";
import {
  type Answering,
  accept,
  answeringServers,
  PROTOCOLS,
} from "../../../../tests/support/answering-servers.js";
import { cleanUpsAfterEach } from "../../../../tests/support/clean-ups.js";
import { startCountingProxy } from "../../../../tests/support/counting-proxy.js";
import { startHttpsFront } from "../../../../tests/support/https-front.js";
import { until } from "../../../../tests/support/until.js";

const cleanUps = cleanUpsAfterEach();
const { startServer, senderTo } = answeringServers(cleanUps);

describe.each(PROTOCOLS)("a connection by %s", (protocol) => {
  const start = (answer: Answering) => startServer(answer, { protocol });

  it.each([503, 500, 429, 408])("is used again after a %d, which was an answer", async (status) => {
    const { url, ports } = await start((request, response, number) => {
      if (number === 2) response.writeHead(status).end();
      else accept(request, response, number);
    });
    const { post } = senderTo(url);
    for (let sent = 0; sent < 4; sent++) await post(10);
    expect(new Set(ports).size).toBe(1);
  });

  it.each([401, 403, 404, 302])("is not used again after a %d", async (status) => {
    const { url, ports } = await start((request, response, number) => {
      if (number === 2) response.writeHead(status).end();
      else accept(request, response, number);
    });
    const { post } = senderTo(url);
    for (let sent = 0; sent < 4; sent++) await post(10);
    expect(ports[1]).toBe(ports[0]);
    expect(ports[2]).not.toBe(ports[1]);
    expect(ports[3]).toBe(ports[2]);
  });

  it("that turns out closed is replaced by a new one, and that is no outage", async () => {
    const { url, ports, cut } = await start((request, response, number) => {
      if (number === 2) cut(request);
      else accept(request, response, number);
    });
    const { post } = senderTo(url);
    expect(await post(10)).toEqual({ kind: "delivered", bytes: 10 });
    // The bytes on the closed connection count as well.
    expect(await post(10)).toEqual({ kind: "delivered", bytes: 20 });
    expect(ports).toHaveLength(3);
  });

  it("that is new and closed is a failure, and asked once", async () => {
    const { url, ports, cut } = await start((request) => cut(request));
    expect(await senderTo(url).post(10)).toMatchObject({ kind: "unavailable", answered: false });
    expect(ports).toHaveLength(1);
  });

  it("that closes half way through an answer is a failure", async () => {
    const { url, ports, cut } = await start((request, response, number) => {
      if (number === 1) return accept(request, response, number);
      response.setHeader("content-length", 50);
      const write: (text: string) => boolean = response.write.bind(response);
      write("{");
      setTimeout(() => cut(request), 50);
    });
    const { post } = senderTo(url);
    await post(10);
    expect(await post(10)).toMatchObject({ kind: "unavailable" });
    expect(ports).toHaveLength(2);
  });

  it.runIf(process.platform === "linux")("costs nothing while nothing is sent on it", async () => {
    const { url, ports } = await start(accept);
    await senderTo(url).post(10);
    // By default, Node has the kernel probe a kept connection once a second.
    await until("no timer of the kernel", async () => (await kernelTimer(ports[0])) === "00");
  });

  it("is one for all who send to a host at the same time", async () => {
    const { url, ports } = await start((request, response, number) =>
      setTimeout(() => accept(request, response, number), number === 4 ? 800 : 30),
    );
    const { post } = senderTo(url, { answer: 20_000, turn: 400 });
    await Promise.all([post(10), post(20), post(30)]);
    expect(new Set(ports).size).toBe(1);
    // A slow request doesn't block others; HTTP/1.1 needs another connection for them.
    const outcomes = await Promise.all([post(10), post(20)]);
    expect(outcomes.map(({ kind }) => kind)).toEqual(["delivered", "delivered"]);
    expect(new Set(ports).size).toBe(protocol === "h2" ? 1 : 2);
  });
});

/** The kernel's timer of a connection from this port: `02` for a keepalive probe, `00` for none. */
async function kernelTimer(port: number | undefined): Promise<string | undefined> {
  const local = (port ?? 0).toString(16).toUpperCase().padStart(4, "0");
  const table = await readFile("/proc/net/tcp", "latin1");
  return new RegExp(`: [0-9A-F]+:${local} \\S+ 01 \\S+ ([0-9A-F]{2}):`).exec(table)?.[1];
}

describe.each(PROTOCOLS)("an endless answer by %s", (protocol) => {
  it.each([200, 400, 500])("of %d is cut off, and its connection closed", async (status) => {
    let written = 0;
    const { url } = await startServer(
      (_, response) => {
        response.statusCode = status;
        const write: (data: Buffer) => boolean = response.write.bind(response);
        const more = () => {
          while (!response.destroyed && write(Buffer.alloc(16_384, 32))) written += 16_384;
        };
        response.on("drain", more);
        more();
      },
      { protocol },
    );
    const counting = await startCountingProxy(Number(new URL(url).port));
    cleanUps.push(counting.stop);
    const started = performance.now();
    const outcome = await senderTo(url.replace(/\d+$/, `${counting.port}`)).post(10);
    expect(outcome.kind).toBe(status === 400 ? "refused" : "unavailable");
    expect(performance.now() - started).toBeLessThan(2_000);
    await until("the connection to be closed", () => counting.counts.ended === 1);
    // Bytes in the kernel buffers of both sides.
    expect(written).toBeLessThan(20_000_000);
  });
});

describe.each(PROTOCOLS)("a body on its way by %s when the sending is given up", (protocol) => {
  it("has some time for its answer", async () => {
    const ending = new AbortController();
    const answer: Answering = (request, response, number) => {
      ending.abort();
      setTimeout(() => accept(request, response, number), 300);
    };
    const { url } = await startServer(answer, { protocol });
    expect(await senderTo(url).post(10, ending.signal)).toEqual({ kind: "delivered", bytes: 10 });
  });

  it("has no more time than that", async () => {
    const ending = new AbortController();
    const { url } = await startServer(() => ending.abort(), { protocol });
    const started = performance.now();
    const outcome = await senderTo(url, { answer: 20_000, farewell: 300 }).post(10, ending.signal);
    expect(outcome).toMatchObject({ kind: "unavailable", reason: "the agent is stopping" });
    expect(performance.now() - started).toBeLessThan(3_000);
  });

  it("is not waited for if nothing of it was sent, and nothing is sent afterwards", async () => {
    const { url, ports } = await startServer(() => {}, { protocol });
    const ending = new AbortController();
    ending.abort();
    const outcome = await senderTo(url, { farewell: 20_000 }).post(10, ending.signal);
    expect(outcome).toMatchObject({ kind: "unavailable", reason: "the agent is stopping", bytes: 0 });
    expect(ports).toEqual([]);
  });
});

describe("the key", () => {
  it("isn't sent to a server with an unknown certificate, whatever the environment says", async () => {
    const { url } = await startServer(accept);
    const front = await startHttpsFront(url);
    cleanUps.push(front.stop);
    vi.stubEnv("NODE_TLS_REJECT_UNAUTHORIZED", "0");
    try {
      const outcome = await senderTo(front.url).post(10);
      expect(outcome).toMatchObject({ kind: "unavailable", reason: expect.stringContaining("certificate") });
    } finally {
      vi.unstubAllEnvs();
    }
  });
});
