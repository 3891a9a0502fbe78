/** Connections to the intake: when they are kept and when not, slow and endless ones, and what an answer may repeat. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { milliseconds } from "@chouette-iot/record";
import { afterEach, describe, expect, it, vi } from "vitest";
import { HttpSender } from "../../packages/agent/src/outputs/http.js";
import { type Delivering, type DeliveringOptions, KEY, startDelivering } from "../support/delivering.js";
import { startHttpsFront } from "../support/https-front.js";
import { until } from "../support/until.js";

const ms = milliseconds;
let cleanUps: (() => Promise<unknown>)[] = [];

afterEach(async () => {
  for (const cleanUp of cleanUps.reverse()) await cleanUp();
  cleanUps = [];
});

type Answering = (request: IncomingMessage, response: ServerResponse, number: number) => void;

/** A server that answers as told once a request's body is read; `ports` are those that requests came from. */
async function startServer(answer: Answering, { isReading = true } = {}) {
  const ports: (number | undefined)[] = [];
  const sockets = new Set<Socket>();
  const server: Server = createServer((request, response) => {
    ports.push(request.socket.remotePort);
    const number = ports.length;
    if (!isReading) return answer(request, response, number);
    request.resume().on("end", () => answer(request, response, number));
  });
  server.on("connection", (socket) => sockets.add(socket.on("error", () => {})));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  cleanUps.push(async () => {
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, ports, sockets };
}

const accept: Answering = (_, response) => response.writeHead(202).end('{"errors":[]}');

function deliverTo(url: string, options: Partial<DeliveringOptions> = {}): Delivering {
  const delivering = startDelivering({ url, ...options });
  cleanUps.push(() => delivering.stop());
  return delivering;
}

/** A sender with short time-outs, and a body to send. */
function senderTo(url: string, timeouts: { readonly answer?: number; readonly farewell?: number } = {}) {
  const sender = new HttpSender(
    {},
    {
      connect: ms(2_000),
      answer: ms(timeouts.answer ?? 2_000),
      whole: ms(20_000),
      keepAlive: ms(5_000),
      farewell: ms(timeouts.farewell ?? 2_000),
      turn: ms(2_000),
    },
  );
  cleanUps.push(() => sender.close());
  const post = (bytes: number, signal?: AbortSignal) =>
    sender.send(
      {
        ...{ url: `${url}/api/v2/series`, purpose: "metrics", method: "POST", body: new Uint8Array(bytes) },
        headers: { "DD-API-KEY": KEY },
      },
      signal,
    );
  return { post };
}

describe("a connection", () => {
  it.each([503, 500, 429, 408])("is used again after a %d, which was an answer", async (status) => {
    const { url, ports } = await startServer((request, response, number) => {
      if (number === 2) response.writeHead(status).end();
      else accept(request, response, number);
    });
    const { post } = senderTo(url);
    for (let sent = 0; sent < 4; sent++) await post(10);
    expect(new Set(ports).size).toBe(1);
  });

  it("is one for all who send to a host at the same time, unless one takes too long", async () => {
    const { url, ports } = await startServer((request, response, number) =>
      setTimeout(() => accept(request, response, number), number === 4 ? 3_000 : 50),
    );
    const { post } = senderTo(url, { answer: 20_000 });
    await Promise.all([post(10), post(20), post(30)]);
    expect(new Set(ports).size).toBe(1);
    await Promise.all([post(10), post(20)]);
    expect(new Set(ports).size).toBe(2);
  });

  it.each([401, 403, 404, 302])("is not used again after a %d", async (status) => {
    const { url, ports } = await startServer((request, response, number) => {
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
    const { url, ports } = await startServer((request, response, number) => {
      if (number === 2) request.socket.destroy();
      else accept(request, response, number);
    });
    const { post } = senderTo(url);
    expect(await post(10)).toEqual({ kind: "delivered", bytes: 10 });
    // What went out on the closed one was paid for.
    expect(await post(10)).toEqual({ kind: "delivered", bytes: 20 });
    expect(ports).toHaveLength(3);
  });

  it("that is new and closed is a failure, and asked once", async () => {
    const { url, ports } = await startServer((request) => request.socket.destroy());
    expect(await senderTo(url).post(10)).toMatchObject({ kind: "unavailable", answered: false });
    expect(ports).toHaveLength(1);
  });

  it("that closes half way through an answer is a failure", async () => {
    const { url, ports } = await startServer((request, response, number) => {
      if (number === 1) return accept(request, response, number);
      response.writeHead(202, { "content-length": 50 }).write("{");
      setTimeout(() => request.socket.destroy(), 50);
    });
    const { post } = senderTo(url);
    await post(10);
    expect(await post(10)).toMatchObject({ kind: "unavailable" });
    expect(ports).toHaveLength(2);
  });
});

describe("an endless answer", () => {
  it.each([200, 400, 500])("of %d is cut off, and its connection closed", async (status) => {
    let written = 0;
    const { url, sockets } = await startServer((_, response) => {
      response.writeHead(status);
      const more = () => {
        while (!response.destroyed && response.write(Buffer.alloc(16_384, 32))) written += 16_384;
      };
      response.on("drain", more);
      more();
    });
    const started = performance.now();
    const outcome = await senderTo(url).post(10);
    expect(outcome.kind).toBe(status === 400 ? "refused" : "unavailable");
    expect(performance.now() - started).toBeLessThan(2_000);
    await until("the connection to be closed", () => [...sockets].every(({ destroyed }) => destroyed));
    // What the kernels of both sides hold besides.
    expect(written).toBeLessThan(20_000_000);
  });
});

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
    expect(await senderTo(url, { answer: 600 }).post(8_000_000)).toEqual({
      kind: "delivered",
      bytes: 8_000_000,
    });
    expect(performance.now() - started).toBeGreaterThan(1_200);
  });

  it.runIf(process.platform === "linux")(
    "that stands still is given up, however much the kernel has taken",
    async () => {
      const { url } = await startServer((request) => void request.pause(), { isReading: false });
      const started = performance.now();
      const outcome = await senderTo(url, { answer: 400 }).post(1_000_000);
      expect(outcome).toMatchObject({ kind: "unavailable", reason: "nothing was heard for 400 ms" });
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

describe("a body on its way when the sending is given up", () => {
  it("has some time for its answer", async () => {
    const ending = new AbortController();
    const { url } = await startServer((request, response, number) => {
      ending.abort();
      setTimeout(() => accept(request, response, number), 300);
    });
    expect(await senderTo(url).post(10, ending.signal)).toEqual({ kind: "delivered", bytes: 10 });
  });

  it("has no more time than that", async () => {
    const ending = new AbortController();
    const { url } = await startServer(() => ending.abort());
    const started = performance.now();
    const outcome = await senderTo(url, { answer: 20_000, farewell: 300 }).post(10, ending.signal);
    expect(outcome).toMatchObject({ kind: "unavailable", reason: "the agent is ending" });
    expect(performance.now() - started).toBeLessThan(3_000);
  });

  it("is not waited for if nothing of it was sent, and nothing is sent afterwards", async () => {
    const { url, ports } = await startServer(() => {});
    const ending = new AbortController();
    ending.abort();
    const outcome = await senderTo(url, { farewell: 20_000 }).post(10, ending.signal);
    expect(outcome).toMatchObject({ kind: "unavailable", reason: "the agent is ending", bytes: 0 });
    expect(ports).toEqual([]);
  });
});

describe("secrets", () => {
  it.each([
    200, 400, 403, 413, 503,
  ])("that an answer of %d repeats are in no reason and no log", async (status) => {
    const { url } = await startServer((request, response) => {
      response
        .writeHead(status)
        .end(`You sent: ${JSON.stringify(request.headers)} to http://owl:pass-word@host/`);
    });
    const withUser = url.replace("://", "://owl:pass-word@");
    const delivering = deliverTo(withUser, { batchSize: 1 });
    await delivering.put("a");
    await delivering.put("b");
    delivering.run();
    await until("some attempts", () => delivering.waits.length > 3);
    const told = JSON.stringify([delivering.details, await delivering.rejected()]);
    expect(told).toContain("You sent");
    const basic = Buffer.from("owl:pass-word").toString("base64");
    for (const secret of [KEY, "pass-word", basic]) expect(told).not.toContain(secret);
  });

  it("are not sent to a server with an unknown certificate, whatever the environment says", async () => {
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
