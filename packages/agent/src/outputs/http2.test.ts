/**
 * Connections to an intake by HTTP/2: a request is sent again only if the server can't have taken it.
 *
 * Servers go away, refuse, reset and cut off streams, answer too early, close half of a connection, and take one byte
 * at a time.
 */
import { createServer } from "node:http";
import { constants, type ServerHttp2Stream } from "node:http2";
import type { Socket } from "node:net";
import { createServer as createTlsServer } from "node:tls";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  type Answering,
  accept,
  answeringServers,
  answerWith,
  type Request,
  type Response,
  type ServerOptions,
} from "../../../../tests/support/answering-servers.js";
import { cleanUpsAfterEach } from "../../../../tests/support/clean-ups.js";
import { startFaultyLink } from "../../../../tests/support/faulty-link.js";
import { until } from "../../../../tests/support/until.js";

const cleanUps = cleanUpsAfterEach();
const { secure, startServer, listening, senderTo } = answeringServers(cleanUps);

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
    const { post } = senderTo(`https://localhost:${await listening(server)}`);
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
