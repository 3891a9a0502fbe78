/** Requests over real connections: when these are kept and when not, what ends a request, and what it leaves behind. */
import { getEventListeners } from "node:events";
import { readFile } from "node:fs/promises";
import { createServer as createHttpsServer } from "node:https";
import { createServer } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import type { TLSSocket } from "node:tls";
import { describe, expect, it, vi } from "vitest";
import {
  type Answering,
  accept,
  answeringServers,
  PROTOCOLS,
  postBy,
} from "../../../../tests/support/answering-servers.js";
import { cleanUpsAfterEach } from "../../../../tests/support/clean-ups.js";
import { startCountingProxy } from "../../../../tests/support/counting-proxy.js";
import { startForwardProxy } from "../../../../tests/support/forward-proxy.js";
import { startHttpsFront } from "../../../../tests/support/https-front.js";
import { listen } from "../../../../tests/support/listening.js";
import { CLOSED_PORT } from "../../../../tests/support/ports.js";
import { until } from "../../../../tests/support/until.js";
import { type HttpRequest, HttpSender } from "./http.js";
import { WireMeter } from "./wire-meter.js";

const cleanUps = cleanUpsAfterEach();
const { secure, startServer, listening, senderTo } = answeringServers(cleanUps);

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

/** Number of timers that keep the process alive. */
const timers = () => process.getActiveResourcesInfo().filter((name) => name === "Timeout").length;

describe.each(PROTOCOLS)("a request by %s", (protocol) => {
  const start = (answer: Answering, isReading = true) => startServer(answer, { protocol, isReading });

  it.each([
    ["is delivered", accept, "delivered"],
    ["is refused", (_, response) => void response.writeHead(400).end(), "refused"],
    [
      "has an answer before its body is read",
      (_, response) => void response.writeHead(413).end(),
      "too-large",
    ],
    ["has its connection cut", (request) => request.socket.destroy(), "unavailable"],
  ] as const satisfies readonly (readonly [
    string,
    Answering,
    string,
  ])[])("leaves no timer and no listener if it %s", async (what, answer, kind) => {
    const before = timers();
    const { url, cut } = await start(
      (request, response, number) =>
        kind === "unavailable" ? cut(request) : answer(request, response, number),
      !what.includes("before"),
    );
    const { signal } = new AbortController();
    const { post } = senderTo(url, { connect: 60_000, answer: 60_000, whole: 60_000 });
    expect(await post(1_000_000, signal)).toMatchObject({ kind });
    expect(getEventListeners(signal, "abort")).toEqual([]);
    await until("no timer", () => timers() <= before, 2_000);
  });

  it("leaves no timer and no listener if it is given up, before or after it was sent", async () => {
    const before = timers();
    const ending = new AbortController();
    const { url } = await start(() => ending.abort());
    const { post } = senderTo(url, { connect: 60_000, answer: 60_000, whole: 60_000, farewell: 50 });
    expect(await post(10, ending.signal)).toMatchObject({ kind: "unavailable", bytes: 10 });
    expect(await post(10, ending.signal)).toMatchObject({ kind: "unavailable", bytes: 0 });
    expect(getEventListeners(ending.signal, "abort")).toEqual([]);
    await until("no timer", () => timers() <= before, 2_000);
    const answered = await start((request, response, number) => {
      late.abort();
      accept(request, response, number);
    });
    const late = new AbortController();
    const sender = senderTo(answered.url, { farewell: 60_000 });
    expect(await sender.post(10, late.signal)).toMatchObject({ kind: "delivered" });
    await until("no timer", () => timers() <= before, 2_000);
  });

  it("sends no more of its body once it is answered", async () => {
    let received = 0;
    let isEnded = false;
    const { url, sockets } = await start((request, response) => {
      request.on("close", () => {
        isEnded = true;
      });
      response.writeHead(413);
      response.end(() => request.on("data", ({ length }: Buffer) => (received += length)));
    }, false);
    expect(await senderTo(url, { answer: 60_000 }).post(20_000_000)).toMatchObject({ kind: "too-large" });
    const [socket] = sockets;
    // HTTP/1.1 has no other way than to close the connection.
    await until("the end", () => (protocol === "h2" ? isEnded : socket?.destroyed), 5_000);
    expect(protocol === "h2" ? received : socket?.bytesRead).toBeLessThan(15_000_000);
  });

  it("ends after its time limit", async () => {
    const { url } = await start(() => {});
    const started = performance.now();
    const outcome = await senderTo(url, { answer: 60_000, whole: 300 }).post(10);
    expect(outcome).toEqual({
      ...{ kind: "unavailable", answered: false, reason: "timed out after 300 ms", bytes: 10 },
    });
    expect(performance.now() - started).toBeGreaterThan(290);
  });

  it("ends after the time limit of an answer, if nothing comes", async () => {
    const { url } = await start(() => {});
    const outcome = await senderTo(url, { answer: 300 }).post(10);
    expect(outcome).toMatchObject({ kind: "unavailable", reason: "no response for 300 ms", bytes: 10 });
  });

  it("has all bytes of its connections counted, under its purpose", async () => {
    const { url } = await start(accept);
    const meter = new WireMeter();
    const { post } = senderTo(url, {}, meter);
    await post(1_000);
    const [[name, { sent, received }] = ["", { sent: 0, received: 0 }], ...others] = meter.take();
    expect(name).toBe(`${new URL(url).hostname} metrics`);
    expect(sent).toBeGreaterThan(1_050);
    expect(received).toBeGreaterThan(30);
    expect(others).toEqual([]);
  });

  it("of GET has no body", async () => {
    const seen: (string | undefined)[] = [];
    const { url } = await start((request, response, number) => {
      const { method, url, headers } = request;
      seen.push(method, url, headers["content-length"], `${headers["dd-api-key"]}`);
      accept(request, response, number);
    });
    const { sender } = senderTo(url);
    const request = {
      url: `${url}/a?b=c`,
      purpose: "validation",
      method: "GET",
      headers: { "DD-API-KEY": "k" },
    };
    expect(await sender.send(request as HttpRequest)).toEqual({ kind: "delivered", bytes: 0 });
    expect(seen).toEqual(["GET", "/a?b=c", undefined, "k"]);
  });

  it.each([
    ["owl:pass@", "owl:pass"],
    ["owl@", "owl:"],
    ["owl:50%off@", "owl:50%off"],
    ["", undefined],
  ])("has the login of its URL: %s", async (login, expected) => {
    let authorization: string | undefined;
    const { url } = await start((request, response, number) => {
      ({ authorization } = request.headers);
      accept(request, response, number);
    });
    expect(await senderTo(url.replace("://", `://${login}`)).post(10)).toMatchObject({ kind: "delivered" });
    const sent = authorization?.replace(/^Basic /, "");
    expect(sent && Buffer.from(sent, "base64").toString()).toBe(expected);
  });

  it("ends a connection that isn't used for a time, and not before", async () => {
    const { url, ports, sockets } = await start(accept);
    const { post } = senderTo(url, { keepAlive: 400 });
    await post(10);
    await sleep(200);
    await post(10);
    await sleep(250);
    expect(await post(10)).toMatchObject({ kind: "delivered" });
    expect(new Set(ports).size).toBe(1);
    await until("the connection to be closed", () => [...sockets].every(({ destroyed }) => destroyed), 5_000);
  });

  it("ends with its sender, and so do kept connections", async () => {
    let hasArrived = false;
    const { url, sockets } = await start((request, response, number) => {
      if (number === 1) return accept(request, response, number);
      hasArrived = true;
    });
    const { sender, post } = senderTo(url);
    const kept = senderTo(url);
    await kept.post(10);
    const running = post(10);
    await until("the request", () => hasArrived);
    await sender.close();
    await kept.sender.close();
    expect(await running).toMatchObject({ kind: "unavailable", answered: false, bytes: 10 });
    await until(
      "the connections to be closed",
      () => [...sockets].every(({ destroyed }) => destroyed),
      5_000,
    );
    expect(sockets.size).toBe(2);
  });
});

describe("a request", () => {
  it("whose connection is being opened ends with its sender", async () => {
    const { port, sockets, stop } = await listen(createServer((socket) => void socket.resume()));
    cleanUps.push(stop);
    const { sender, post } = senderTo(`https://localhost:${port}`, { connect: 60_000 });
    const running = post(10);
    await until("the connection", () => sockets.size === 1);
    await sender.close();
    expect(await running).toMatchObject({ kind: "unavailable", bytes: 0 });
    await until("the connection to be closed", () => sockets.size === 0);
  });

  it("waits for one of two connections by HTTP/1.1, and not for long", async () => {
    const { url, ports } = await startServer(() => {});
    const { post } = senderTo(url, { turn: 20, connect: 200, answer: 500 });
    const outcomes = await Promise.all([post(10), post(20), post(30)]);
    expect(outcomes.map((outcome) => "reason" in outcome && outcome.reason)).toEqual([
      "no response for 500 ms",
      "no response for 500 ms",
      "no connection within 200 ms",
    ]);
    expect(outcomes[2]).toMatchObject({ bytes: 0 });
    expect(new Set(ports).size).toBe(2);
  });

  it("by HTTP/1.1 with TLS has a connection that is kept, and a session that outlasts it", async () => {
    const ports: (number | undefined)[] = [];
    const reused: boolean[] = [];
    const server = createHttpsServer({ ...secure }, (request, response) => {
      ports.push(request.socket.remotePort);
      reused.push((request.socket as TLSSocket).isSessionReused());
      request.resume().on("end", () => response.writeHead(ports.length === 3 ? 404 : 202).end());
    });
    const { post } = senderTo(`https://localhost:${await listening(server)}`);
    const kinds = [];
    for (let sent = 0; sent < 5; sent++) kinds.push((await post(10)).kind);
    expect(kinds).toEqual(["delivered", "delivered", "unavailable", "delivered", "delivered"]);
    expect(new Set(ports.slice(0, 3)).size).toBe(1);
    expect(new Set(ports.slice(3)).size).toBe(1);
    expect(new Set(ports).size).toBe(2);
    expect(reused).toEqual([false, false, false, true, true]);
  });

  it.each([
    ["http", 80],
    ["https", 443],
  ])("goes to the port of its protocol, through the protocol's proxy: %s", async (protocol, port) => {
    const proxy = await startForwardProxy();
    cleanUps.push(proxy.stop);
    const address = `http://127.0.0.1:${proxy.port}`;
    const proxies = { http: undefined, https: undefined, except: undefined, [protocol]: address };
    const sender = new HttpSender({ proxies });
    cleanUps.push(() => sender.close());
    // Nobody listens there, or something that isn't an intake.
    await postBy(sender, `${protocol}://127.0.0.1`).post(10);
    expect(proxy.connected).toEqual([`127.0.0.1:${port}`]);
  });

  it("names every address at which nobody answers", async () => {
    const outcome = await senderTo(`http://localhost:${CLOSED_PORT}`).post(10);
    expect(outcome).toMatchObject({ kind: "unavailable", answered: false, bytes: 0 });
    expect("reason" in outcome && outcome.reason).toMatch(/^(connect ECONNREFUSED \S+:1(, )?)+$/);
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
