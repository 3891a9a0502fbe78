/** Opening connections: direct, through a proxy, and with TLS; and that nothing is left of one that isn't opened. Needs openssl. */
import { getEventListeners, once } from "node:events";
import { createServer as createHttpServer, type IncomingMessage } from "node:http";
import { createServer, type Socket } from "node:net";
import { createSecureContext, createServer as createTlsServer, TLSSocket } from "node:tls";
import { milliseconds } from "@chouette-iot/record";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { newCertificates, readPem } from "../../../../tests/support/certificates.js";
import { cleanUpsAfterEach } from "../../../../tests/support/clean-ups.js";
import { startForwardProxy } from "../../../../tests/support/forward-proxy.js";
import { listen } from "../../../../tests/support/listening.js";
import { CLOSED_PORT } from "../../../../tests/support/ports.js";
import { until } from "../../../../tests/support/until.js";
import { openSocket } from "./open-socket.js";
import type { Security } from "./secure-socket.js";

const TIMEOUT = milliseconds(300);
/** Longer than a test. */
const LONG = milliseconds(100_000);
const cleanUps = cleanUpsAfterEach();
const pair = { key: "", cert: "" };
let ca = "";
let removeCertificates = async () => {};

beforeAll(async () => {
  const { server, authority, remove } = await newCertificates();
  removeCertificates = remove;
  pair.key = await readPem(server.key);
  pair.cert = await readPem(server.cert);
  ca = await readPem(authority);
});
afterAll(() => removeCertificates());

async function listening(server: Parameters<typeof listen>[0]) {
  const listener = await listen(server);
  cleanUps.push(listener.stop);
  return listener;
}

/** Opens a connection. @returns also the TCP sockets that it used, and the signal */
function opening(
  target: { readonly host?: string; readonly port: number; readonly security?: Security | undefined },
  proxy?: string,
  timeout = TIMEOUT,
) {
  const sockets: Socket[] = [];
  const ending = new AbortController();
  const socket = openSocket(
    {
      ...{ host: "127.0.0.1", security: undefined, ...target },
      onSocket: (used) => void sockets.push(used),
    },
    proxy === undefined ? undefined : new URL(proxy),
    { timeout, signal: ending.signal },
  );
  cleanUps.push(() => socket.then((opened) => opened.destroy()).catch(() => {}));
  return { socket, sockets, ending };
}

/** Number of timers that keep the process alive. */
const timers = () => process.getActiveResourcesInfo().filter((name) => name === "Timeout").length;

/** Rejects within the time limit, with nothing left: no socket, listener or timer. @returns the error's message */
async function failure({ socket, sockets, ending }: ReturnType<typeof opening>): Promise<string> {
  const message = await socket.then(
    () => "opened",
    (error: Error) => error.message,
  );
  expect(sockets).toHaveLength(1);
  await until("the socket to be closed", () => sockets[0]?.closed);
  await until("no listener", () => getEventListeners(ending.signal, "abort").length === 0, 2_000);
  return message;
}

const security = (host: string, options: Partial<Security> = {}): Security => ({
  ...{ host, secureContext: createSecureContext({ ca }), protocols: ["http/1.1"], session: undefined },
  ...{ onSession: () => {}, ...options },
});

/** A server that accepts and says nothing, or closes. */
async function startSilent(onConnection: (socket: Socket) => void = () => {}) {
  return (await listening(createServer(onConnection))).port;
}

describe.each(["without", "with"])("a connection %s TLS", (kind) => {
  const secured = () => (kind === "with" ? security("127.0.0.1") : undefined);

  it("isn't opened if nobody listens, and no timer is left", async () => {
    const before = timers();
    const attempt = opening({ port: CLOSED_PORT, security: secured() }, undefined, LONG);
    expect(await failure(attempt)).toContain("ECONNREFUSED");
    await until("no timer", () => timers() <= before, 2_000);
  });

  it("isn't opened once it is given up, before or meanwhile", async () => {
    const port = await startSilent();
    const late = opening({ port, security: secured() });
    late.ending.abort(new Error("given up"));
    expect(await failure(late)).toBe("given up");
    const aborted = AbortSignal.abort(new Error("given up before"));
    const sockets: Socket[] = [];
    const onSocket = (used: Socket) => void sockets.push(used);
    const target = { host: "127.0.0.1", port, security: secured(), onSocket };
    const opened = openSocket(target, undefined, { timeout: TIMEOUT, signal: aborted });
    await expect(opened).rejects.toThrow("given up before");
    await until("the socket to be closed", () => sockets[0]?.closed);
  });

  it("stays open whatever the signal does later, and has no listener or timer left", async () => {
    const before = timers();
    const server =
      kind === "with" ? createTlsServer(pair, (socket) => socket.on("error", () => {})) : createServer();
    const { port } = await listening(server);
    const target = kind === "with" ? security("localhost") : undefined;
    const { socket, ending } = opening({ port, security: target });
    const opened = await socket;
    expect(getEventListeners(ending.signal, "abort")).toEqual([]);
    await until("no timer", () => timers() <= before, 5_000);
    ending.abort();
    const closed = vi.fn();
    opened.on("close", closed);
    await new Promise((resolve) => setTimeout(resolve, TIMEOUT + 50));
    expect(closed).not.toHaveBeenCalled();
    expect(opened.destroyed).toBe(false);
    expect(opened.listenerCount("error")).toBe(0);
  });
});

describe("a connection with TLS", () => {
  it("isn't opened by a server that says nothing", async () => {
    const port = await startSilent();
    const started = performance.now();
    const message = await failure(opening({ port, security: security("localhost") }));
    expect(message).toBe("no connection within 300 ms");
    expect(performance.now() - started).toBeGreaterThan(TIMEOUT - 5);
  });

  it("isn't opened by a server that closes it", async () => {
    const port = await startSilent((socket) => socket.end());
    expect(await failure(opening({ port, security: security("localhost") }))).toMatch(/closed|disconnected/);
  });

  it.each([
    ["a name", "localhost", ["localhost"]],
    // An address can't be a server name.
    ["an address", "127.0.0.1", []],
  ])("is opened only to the host that the certificate names: %s", async (_, host, expected) => {
    const names: string[] = [];
    const server = createTlsServer({
      ...pair,
      SNICallback: (name, done) => {
        names.push(name);
        done(null);
      },
    });
    server.on("tlsClientError", () => {});
    const { port } = await listening(server);
    const { socket } = opening({ port, security: security(host) });
    if (host === "localhost") await socket;
    else await expect(socket).rejects.toMatchObject({ code: "ERR_TLS_CERT_ALTNAME_INVALID" });
    expect(names).toEqual(expected);
  });

  it("isn't opened to a server with an unknown certificate, whatever the environment says", async () => {
    const server = createTlsServer(pair);
    server.on("tlsClientError", () => {});
    const { port } = await listening(server);
    vi.stubEnv("NODE_TLS_REJECT_UNAUTHORIZED", "0");
    try {
      const options = opening({ port, security: security("localhost", { secureContext: undefined }) });
      expect(await failure(options)).toContain("certificate");
    } finally {
      vi.unstubAllEnvs();
    }
  });

  it("offers its protocols, and the server chooses", async () => {
    const { port } = await listening(createTlsServer({ ...pair, ALPNProtocols: ["h2"] }, () => {}));
    const { socket } = opening({ port, security: security("localhost", { protocols: ["h2", "http/1.1"] }) });
    const opened = await socket;
    expect(opened instanceof TLSSocket && opened.alpnProtocol).toBe("h2");
  });

  it("resumes the session of an earlier one", async () => {
    const { port } = await listening(createTlsServer(pair, (socket) => socket.end("x")));
    let session: Buffer | undefined;
    const onSession = (next: Buffer | undefined) => {
      session = next;
    };
    const open = async () => {
      const { socket } = opening({ port, security: security("localhost", { session, onSession }) });
      const opened = await socket;
      const isReused = opened instanceof TLSSocket && opened.isSessionReused();
      opened.resume();
      await once(opened, "close");
      return isReused;
    };
    expect(await open()).toBe(false);
    expect(session).toBeDefined();
    expect(await open()).toBe(true);
    expect(session).toBeDefined();
  });

  it("forgets a session with which no connection was opened, but not one whose connection broke later", async () => {
    const first: (Buffer | undefined)[] = [];
    const { port, sockets } = await listening(
      createTlsServer(pair, (socket) => socket.on("error", () => {})),
    );
    const remember = (sessions: (Buffer | undefined)[]) => (session: Buffer | undefined) => {
      sessions.push(session);
    };
    const options = security("localhost", { onSession: remember(first) });
    const opened = await opening({ port, security: options }).socket;
    await until("a session", () => first.length > 0);
    const [session] = first;
    opened.destroy();

    const later: (Buffer | undefined)[] = [];
    const resumed = await opening({
      ...{ port, security: security("localhost", { session, onSession: remember(later) }) },
    }).socket;
    const broken = once(resumed, "close");
    resumed.on("error", () => {});
    for (const socket of sockets) socket.resetAndDestroy();
    await broken;
    expect(later).not.toContain(undefined);

    const failing: (Buffer | undefined)[] = [];
    const silent = await startSilent((socket) => socket.end("no TLS"));
    const target = security("localhost", { session, onSession: remember(failing) });
    await failure(opening({ port: silent, security: target }));
    expect(failing).toEqual([undefined]);

    const without: (Buffer | undefined)[] = [];
    await failure(
      opening({ port: silent, security: security("localhost", { onSession: remember(without) }) }),
    );
    expect(without).toEqual([]);
  });
});

describe("a proxy", () => {
  /** One that answers a CONNECT as given. */
  async function startProxy(answer: (request: IncomingMessage, client: Socket) => void) {
    const server = createHttpServer();
    server.on("connect", answer);
    return listening(server);
  }

  it.each([
    ["http", "owl:secret", "owl:secret"],
    ["http", "owl", "owl:"],
    ["http", ":secret", ":secret"],
    ["http", "owl:s%C3%A9cret%2F", "owl:sécret/"],
    ["http", "owl:50%off", "owl:50%off"],
    ["http", "", undefined],
  ])("is asked for the host and port, with its login: %s, %s", async (protocol, login, expected) => {
    let asked: IncomingMessage | undefined;
    const { port } = await startProxy((request, client) => {
      asked = request;
      client.end("HTTP/1.1 407 No\r\n\r\n");
    });
    const proxy = `${protocol}://${login === "" ? "" : `${login}@`}127.0.0.1:${port}`;
    expect(await failure(opening({ host: "::1", port: 443 }, proxy))).toBe("the proxy answered HTTP 407");
    expect([asked?.method, asked?.url, asked?.headers.host]).toEqual(["CONNECT", "[::1]:443", "[::1]:443"]);
    const sent = asked?.headers["proxy-authorization"];
    expect(sent && Buffer.from(sent.replace(/^Basic /, ""), "base64").toString()).toBe(expected);
  });

  it("that never answers is given up, and its connection closed", async () => {
    const before = timers();
    const proxy = `http://127.0.0.1:${await startSilent()}`;
    expect(await failure(opening({ port: 443 }, proxy))).toBe("the proxy didn't answer for 300 ms");
    await until("no timer", () => timers() <= before, 2_000);
  });

  it("that isn't there is an error, and no timer is left", async () => {
    const before = timers();
    const attempt = opening({ port: 443 }, `http://127.0.0.1:${CLOSED_PORT}`, LONG);
    expect(await failure(attempt)).toContain("ECONNREFUSED");
    await until("no timer", () => timers() <= before, 2_000);
  });

  it("isn't waited for once it is given up", async () => {
    const attempt = opening({ port: 443 }, `http://127.0.0.1:${await startSilent()}`);
    await until("the connection", () => attempt.sockets[0]?.connecting === false);
    attempt.ending.abort();
    expect(await failure(attempt)).toContain("aborted");
  });

  it("with TLS has its certificate checked, whatever the environment says", async () => {
    const server = createTlsServer(pair, (socket) => socket.end("HTTP/1.1 200 OK\r\n\r\n"));
    server.on("tlsClientError", () => {});
    const { port } = await listening(server);
    vi.stubEnv("NODE_TLS_REJECT_UNAUTHORIZED", "0");
    try {
      const { socket } = opening({ port: 443 }, `https://localhost:${port}`);
      await expect(socket).rejects.toThrow("certificate");
    } finally {
      vi.unstubAllEnvs();
    }
  });

  it("carries the connection, which stays open longer than it took to open", async () => {
    const { port } = await listening(createServer((socket) => socket.pipe(socket)));
    const proxy = await startForwardProxy();
    cleanUps.push(proxy.stop);
    const before = timers();
    const { socket, ending } = opening({ port }, `http://127.0.0.1:${proxy.port}`);
    const opened = await socket;
    expect(timers()).toBeLessThanOrEqual(before);
    await new Promise((resolve) => setTimeout(resolve, TIMEOUT + 50));
    opened.write("hello");
    expect(`${(await once(opened, "data"))[0]}`).toBe("hello");
    expect(getEventListeners(ending.signal, "abort")).toEqual([]);
  });

  it("carries TLS to the host itself", async () => {
    const { port } = await listening(createTlsServer(pair, (socket) => socket.end("x")));
    const proxy = await startForwardProxy();
    cleanUps.push(proxy.stop);
    const opened = await opening(
      { host: "localhost", port, security: security("localhost") },
      `http://127.0.0.1:${proxy.port}`,
    ).socket;
    expect(opened instanceof TLSSocket && opened.authorized).toBe(true);
    expect(proxy.connected).toEqual([`localhost:${port}`]);
  });
});
