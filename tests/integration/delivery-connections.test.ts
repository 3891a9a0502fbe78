/** Connections to the intake: when they are kept and when not, slow and endless ones, and what an answer may repeat. */
import { readFile } from "node:fs/promises";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import {
  constants,
  createSecureServer,
  type Http2ServerRequest,
  type Http2ServerResponse,
  type ServerHttp2Stream,
} from "node:http2";
import type { AddressInfo, Server, Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { createServer as createTlsServer } from "node:tls";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { milliseconds } from "@chouette-iot/record";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { HttpSender } from "../../packages/agent/src/outputs/http.js";
import { type Certificates, newCertificates, readPem } from "../support/certificates.js";
import { cleanUpsAfterEach } from "../support/clean-ups.js";
import { startCountingProxy } from "../support/counting-proxy.js";
import { type Delivering, type DeliveringOptions, KEY, startDelivering } from "../support/delivering.js";
import { startFaultyLink } from "../support/faulty-link.js";
import { startHttpsFront } from "../support/https-front.js";
import { until } from "../support/until.js";

const ms = milliseconds;
const PROTOCOLS = ["http/1.1", "h2"] as const;
type Protocol = (typeof PROTOCOLS)[number];
let certificates: Certificates;
let secure: { readonly key: string; readonly cert: string; readonly ca: string };
const cleanUps = cleanUpsAfterEach();

beforeAll(async () => {
  certificates = await newCertificates();
  const { server, authority } = certificates;
  const [key, cert, ca] = await Promise.all([server.key, server.cert, authority].map(readPem));
  secure = { key: key ?? "", cert: cert ?? "", ca: ca ?? "" };
});
afterAll(() => certificates.remove());

type Request = IncomingMessage | Http2ServerRequest;
type Response = ServerResponse | Http2ServerResponse;
type Answering = (request: Request, response: Response, number: number) => void;

interface ServerOptions {
  readonly isReading?: boolean;
  /** With h2 by TLS, else without. */
  readonly protocol?: Protocol;
  readonly settings?: { readonly initialWindowSize: number };
}

/** A server that answers as told once a request's body is read; `ports` are those that requests came from. */
async function startServer(
  answer: Answering,
  { isReading = true, protocol = "http/1.1", settings = { initialWindowSize: 65_535 } }: ServerOptions = {},
) {
  const ports: (number | undefined)[] = [];
  const sockets = new Set<Socket>();
  const handle = (request: Request, response: Response) => {
    ports.push(request.socket.remotePort);
    const number = ports.length;
    if (!isReading) return answer(request, response, number);
    request.resume().on("end", () => answer(request, response, number));
  };
  const isSecure = protocol === "h2";
  const server = isSecure ? createSecureServer({ ...secure, settings }, handle) : createServer(handle);
  server.on(isSecure ? "secureConnection" : "connection", (socket: Socket) =>
    sockets.add(socket.on("error", () => {})),
  );
  const port = await listening(server, sockets);
  const url = isSecure ? `https://localhost:${port}` : `http://127.0.0.1:${port}`;
  /** Ends the connection of a request. */
  const cut = (request: Request) => {
    for (const socket of sockets) if (socket.remotePort === request.socket.remotePort) socket.destroy();
  };
  return { url, ports, sockets, cut };
}

async function listening(server: Server, sockets: ReadonlySet<Socket>): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  cleanUps.push(async () => {
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  });
  return (server.address() as AddressInfo).port;
}

const answerWith = (response: Response, status: number, text = "") => {
  response.statusCode = status;
  response.end(text);
};
const accept: Answering = (_, response) => answerWith(response, 202, '{"errors":[]}');

function deliverTo(url: string, options: Partial<DeliveringOptions> = {}): Delivering {
  const delivering = startDelivering({ url, ...options });
  cleanUps.push(() => delivering.stop());
  return delivering;
}

/** A sender with short time-outs, and a body to send. */
function senderTo(
  url: string,
  timeouts: { readonly answer?: number; readonly farewell?: number; readonly turn?: number } = {},
) {
  const sender = new HttpSender(
    { certificateAuthority: secure.ca },
    {
      connect: ms(2_000),
      answer: ms(timeouts.answer ?? 2_000),
      whole: ms(20_000),
      keepAlive: ms(5_000),
      farewell: ms(timeouts.farewell ?? 2_000),
      turn: ms(timeouts.turn ?? 2_000),
    },
  );
  cleanUps.push(() => sender.close());
  return postBy(sender, url);
}

function postBy(sender: HttpSender, url: string) {
  const post = (bytes: number, signal?: AbortSignal, headers: Readonly<Record<string, string>> = {}) =>
    sender.send(
      {
        ...{ url: `${url}/api/v2/series`, purpose: "metrics", method: "POST", body: new Uint8Array(bytes) },
        headers: { "DD-API-KEY": KEY, ...headers },
      },
      signal,
    );
  return { post };
}

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
      setTimeout(() => accept(request, response, number), number === 4 ? 1_200 : 30),
    );
    const { post } = senderTo(url, { answer: 20_000, turn: 600 });
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

function streamOf(request: Request): ServerHttp2Stream {
  if (!("stream" in request)) throw new Error("not by HTTP/2");
  return request.stream;
}

/** Sends a GOAWAY that names this stream as the last one processed. */
function goAway({ session }: ServerHttp2Stream, lastStream: number, code = constants.NGHTTP2_NO_ERROR): void {
  session?.goaway(code, lastStream);
}

describe("a server that speaks HTTP/2", () => {
  const start = (answer: Answering, options: ServerOptions = {}) =>
    startServer(answer, { ...options, protocol: "h2" });

  it("that wants no more requests on a connection gets the next on another, once", async () => {
    const { url, ports } = await start((request, response, number) => {
      accept(request, response, number);
      if (number === 1) goAway(streamOf(request), streamOf(request).id ?? 0);
    });
    const { post } = senderTo(url);
    expect(await post(10)).toEqual({ kind: "delivered", bytes: 10 });
    expect(await post(10)).toEqual({ kind: "delivered", bytes: 10 });
    expect(ports).toHaveLength(2);
    expect(ports[1]).not.toBe(ports[0]);
  });

  it("that wants no more requests than the one under way answers that", async () => {
    const { url, ports } = await start((request, response, number) => {
      const stream = streamOf(request);
      if (number === 2) goAway(stream, stream.id ?? 0);
      setTimeout(() => accept(request, response, number), number === 2 ? 50 : 0);
    });
    const { post } = senderTo(url);
    for (let sent = 0; sent < 3; sent++) expect(await post(10)).toEqual({ kind: "delivered", bytes: 10 });
    expect(ports).toHaveLength(3);
    expect(ports[1]).toBe(ports[0]);
    expect(ports[2]).not.toBe(ports[1]);
  });

  it.each([
    ["by GOAWAY", (stream: ServerHttp2Stream) => goAway(stream, (stream.id ?? 0) - 2)],
    [
      "by GOAWAY with an error",
      (stream: ServerHttp2Stream) =>
        goAway(stream, (stream.id ?? 0) - 2, constants.NGHTTP2_ENHANCE_YOUR_CALM),
    ],
    ["by REFUSED_STREAM", (stream: ServerHttp2Stream) => stream.close(constants.NGHTTP2_REFUSED_STREAM)],
  ])("that didn't look at a request on a kept connection is asked again on a new one: %s", async (_, refuse) => {
    const { url, ports } = await start((request, response, number) => {
      if (number === 2) refuse(streamOf(request));
      else accept(request, response, number);
    });
    const { post } = senderTo(url);
    await post(10);
    expect(await post(10)).toEqual({ kind: "delivered", bytes: 20 });
    expect(ports).toHaveLength(3);
    expect(ports[2]).not.toBe(ports[1]);
  });

  it("that looks at no request on a new connection is not asked again", async () => {
    const { url, ports } = await start((request) =>
      streamOf(request).close(constants.NGHTTP2_REFUSED_STREAM),
    );
    expect(await senderTo(url).post(10)).toMatchObject({ kind: "unavailable", answered: false, bytes: 10 });
    expect(ports).toHaveLength(1);
  });

  it.each([
    constants.NGHTTP2_NO_ERROR,
    constants.NGHTTP2_INTERNAL_ERROR,
    constants.NGHTTP2_CANCEL,
  ])("that resets a stream with code %d is not asked again: it may have taken the body", async (code) => {
    const { url, ports } = await start((request, response, number) => {
      if (number === 2) streamOf(request).close(code);
      else accept(request, response, number);
    });
    const { post } = senderTo(url);
    await post(10);
    expect(await post(10)).toMatchObject({ kind: "unavailable", answered: false, bytes: 10 });
    expect(ports).toHaveLength(2);
    expect(await post(10)).toEqual({ kind: "delivered", bytes: 10 });
  });

  it.each([
    constants.NGHTTP2_NO_ERROR,
    constants.NGHTTP2_INTERNAL_ERROR,
    constants.NGHTTP2_CANCEL,
  ])("that cuts off an answer with code %d has not answered", async (code) => {
    const { url, ports } = await start((request, _, number) => {
      const stream = streamOf(request);
      stream.respond({ ":status": 202, ...(number === 2 ? { "content-length": 50 } : {}) });
      if (number !== 2) stream.end('{"errors":[]}');
      else stream.write("{}", () => setTimeout(() => stream.close(code), 20));
    });
    const { post } = senderTo(url);
    await post(10);
    expect(await post(10)).toMatchObject({ kind: "unavailable", answered: false });
    expect(ports).toHaveLength(2);
  });

  it("that answers before it has the whole body gets no more of it, on a connection that is kept", async () => {
    const { url, ports } = await start(
      (request, response, number) => {
        if (number === 2) response.writeHead(413).end();
        else request.resume().on("end", () => accept(request, response, number));
      },
      { isReading: false },
    );
    const { post } = senderTo(url);
    await post(10);
    expect(await post(1_000_000)).toMatchObject({ kind: "too-large", status: 413 });
    expect(await post(10)).toEqual({ kind: "delivered", bytes: 10 });
    expect(new Set(ports).size).toBe(1);
  });

  it("that has closed its half of a connection gets the next request on a new one, once", async () => {
    const { url, ports, sockets } = await start(accept);
    const { post } = senderTo(url);
    await post(10);
    const [socket] = sockets;
    socket?.end();
    await until(
      "the other half to be closed",
      () => socket?.readableEnded === true || socket?.destroyed === true,
    );
    expect(await post(10)).toEqual({ kind: "delivered", bytes: 10 });
    expect(ports[1]).not.toBe(ports[0]);
  });

  it("that takes one byte at a time gets all of them, however long that takes", async () => {
    const { url } = await start(accept, { settings: { initialWindowSize: 1 } });
    const link = await startFaultyLink(Number(new URL(url).port), () => ({ kind: "slow", ms: 10 }));
    cleanUps.push(link.stop);
    const { post } = senderTo(url.replace(/\d+$/, `${link.port}`), { answer: 300 });
    // Until its GOAWAY arrives, it gets further requests.
    await post(1);
    const started = performance.now();
    expect(await post(30)).toEqual({ kind: "delivered", bytes: 30 });
    expect(performance.now() - started).toBeGreaterThan(500);
  });

  it("is left right after an answer, and what is freed isn't touched again", async () => {
    const { url } = await start(accept);
    setFlagsFromString("--expose-gc");
    const collectGarbage: () => void = runInNewContext("gc");
    for (let round = 0; round < 5; round++) {
      const sender = new HttpSender({ certificateAuthority: secure.ca });
      const { post } = postBy(sender, url);
      for (let sent = 0; sent < 4; sent++) await post(256);
      // In the step in which Node reads the answer: it would end the process.
      await sender.close();
      collectGarbage();
      const until = performance.now() + 20;
      while (performance.now() < until);
      await sleep(5);
    }
  });

  it.runIf(process.platform === "linux")("that sends pings and no answer is given up", async () => {
    const { url } = await start((request) => {
      const { session } = streamOf(request);
      const timer = setInterval(() => session?.destroyed || session?.ping(() => {}), 30);
      session?.once("close", () => clearInterval(timer));
    });
    const outcome = await senderTo(url, { answer: 300 }).post(10);
    expect(outcome).toMatchObject({ kind: "unavailable", reason: "no response for 300 ms" });
  });

  it("in its hello alone is spoken to by HTTP/1.1", async () => {
    const chosen: string[] = [];
    const behind = createServer((request, response) =>
      request.resume().on("end", () => response.writeHead(202).end()),
    );
    const server = createTlsServer(
      { ...secure, ALPNCallback: ({ protocols }) => (protocols.includes("h2") ? "h2" : protocols[0]) },
      (socket) => {
        socket.on("error", () => {});
        chosen.push(`${socket.alpnProtocol}`);
        if (socket.alpnProtocol === "h2") socket.end("HTTP/1.1 400 Bad Request\r\n\r\n");
        else behind.emit("connection", socket);
      },
    );
    const sockets = new Set<Socket>();
    server.on("connection", (socket: Socket) => sockets.add(socket));
    const { post } = senderTo(`https://localhost:${await listening(server, sockets)}`);
    expect(await post(10)).toMatchObject({ kind: "unavailable", answered: false });
    expect(await post(10)).toEqual({ kind: "delivered", bytes: 10 });
    for (const socket of sockets) socket.destroy();
    expect(await post(10)).toMatchObject({ kind: "delivered" });
    expect(chosen).toEqual(["h2", "http/1.1", "http/1.1"]);
  });

  /** Whether a body is accepted, and what the server then does to the stream or the connection. */
  const FAULTS = {
    none: { takes: true, end: undefined },
    "goaway afterwards": {
      takes: true,
      end: (request: Request, response: Response) => {
        accept(request, response, 0);
        goAway(streamOf(request), streamOf(request).id ?? 0);
      },
    },
    "goaway before": {
      takes: false,
      end: (request: Request) => {
        const stream = streamOf(request);
        // Node says "the last that came" instead of none.
        if (stream.id === 1) stream.close(constants.NGHTTP2_REFUSED_STREAM);
        else goAway(stream, (stream.id ?? 0) - 2);
      },
    },
    refused: {
      takes: false,
      end: (request: Request) => streamOf(request).close(constants.NGHTTP2_REFUSED_STREAM),
    },
    "lost answer": {
      takes: true,
      end: (request: Request) => streamOf(request).close(constants.NGHTTP2_CANCEL),
    },
    reset: {
      takes: false,
      end: (request: Request) => streamOf(request).close(constants.NGHTTP2_INTERNAL_ERROR),
    },
    503: { takes: false, end: (_: Request, response: Response) => answerWith(response, 503) },
  } as const;

  it("takes each body once, unless its answer is lost", async () => {
    const faults = Object.keys(FAULTS) as (keyof typeof FAULTS)[];
    let plan: (keyof typeof FAULTS)[] = [];
    const taken: string[] = [];
    const lost: string[] = [];
    const { url } = await start(async (request, response) => {
      const fault = plan.shift() ?? "none";
      const { takes, end } = FAULTS[fault];
      const body = `${request.headers["x-body"]}`;
      if (takes) taken.push(body);
      if (fault === "lost answer") lost.push(body);
      if (end === undefined) accept(request, response, 0);
      else end(request, response);
    });
    const { post } = senderTo(url);
    let bodies = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(fc.constantFrom(...faults), { maxLength: 12 }), async (planned) => {
        plan = [...planned];
        for (let sent = 0; sent < 5; sent++) {
          const body = `${++bodies}`;
          // Repeats until it is delivered, like the dispatcher.
          while ((await post(10, undefined, { "x-body": body })).kind !== "delivered");
          const times = lost.filter((each) => each === body).length;
          expect(taken.filter((each) => each === body)).toHaveLength(times + 1);
        }
      }),
      { numRuns: 8 },
    );
  });
});

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
