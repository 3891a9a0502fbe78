/** What counts as progress of a request, on real connections. */
import { connect, createServer, type Socket } from "node:net";
import { milliseconds } from "@chouette-iot/record";
import { expect, it } from "vitest";
import { cleanUpsAfterEach } from "../../../../tests/support/clean-ups.js";
import { listen } from "../../../../tests/support/listening.js";
import { until } from "../../../../tests/support/until.js";
import { type ProgressOptions, watchProgress } from "./progress.js";

const QUIET = milliseconds(300);
/** More than the kernel's buffers take. */
const LARGE = 8_000_000;

const cleanUps = cleanUpsAfterEach();

/** A connection to a server that reads only once it is resumed. */
async function connected() {
  const peers: Socket[] = [];
  const server = await listen(createServer({ pauseOnConnect: true }, (peer) => void peers.push(peer)));
  const socket = connect(server.port, "127.0.0.1");
  cleanUps.push(async () => {
    socket.destroy();
    await server.stop();
  });
  const peer = await until("the connection", () => peers[0]);
  return { socket, peer };
}

/** Repeats until the test ends. */
function often(act: () => void, everyMs = 30): void {
  const timer = setInterval(act, everyMs);
  cleanUps.push(async () => clearInterval(timer));
}

function watch(socket: Socket, options: Partial<ProgressOptions> = {}) {
  const began = performance.now();
  const quietAfter: number[] = [];
  const stop = watchProgress(
    socket,
    { quiet: QUIET, bytes: LARGE, received: () => 0, isSent: () => true, ...options },
    () => quietAfter.push(performance.now() - began),
  );
  cleanUps.push(async () => stop());
  return { quietAfter, stop };
}

const passed = (ms: number) => {
  const end = performance.now() + ms;
  return until(`${ms} ms`, () => performance.now() > end);
};

it.runIf(process.platform === "linux")(
  "a body that nobody reads is no progress, however much was written",
  async () => {
    const { socket } = await connected();
    socket.write(Buffer.alloc(LARGE));
    const { quietAfter } = watch(socket);
    await until("the limit", () => quietAfter.length > 0, 5_000);
    expect(quietAfter[0]).toBeGreaterThanOrEqual(QUIET);
    expect(quietAfter[0]).toBeLessThan(10 * QUIET);
    await passed(2 * QUIET);
    expect(quietAfter).toHaveLength(1);
  },
);

it("a body that is read slowly is progress, until it is there", async () => {
  const { socket, peer } = await connected();
  socket.write(Buffer.alloc(LARGE));
  const { quietAfter } = watch(socket);
  peer.on("data", () => {
    peer.pause();
    setTimeout(() => peer.resume(), 10);
  });
  peer.resume();
  const began = performance.now();
  await until("the body", () => peer.bytesRead === LARGE);
  expect(performance.now() - began).toBeGreaterThan(QUIET);
  expect(quietAfter).toEqual([]);
  await until("the limit", () => quietAfter.length > 0, 5_000);
});

it("once the body is there, what others send on the connection is no progress", async () => {
  const { socket, peer } = await connected();
  peer.resume();
  socket.write("the body");
  await until("the body", () => peer.bytesRead > 0);
  const { quietAfter } = watch(socket, { bytes: 8 });
  // From the second look on: the first one finds the end of the body.
  await passed(QUIET / 2);
  often(() => socket.write("other"));
  await until("the limit", () => quietAfter.length > 0, 5_000);
  expect(quietAfter[0]).toBeLessThan(10 * QUIET);
});

it("before the body is sent whole, each part of it is progress", async () => {
  const { socket, peer } = await connected();
  peer.resume();
  let isSent = false;
  const { quietAfter } = watch(socket, { bytes: 8, isSent: () => isSent });
  often(() => socket.write("part"));
  await passed(3 * QUIET);
  expect(quietAfter).toEqual([]);
  isSent = true;
  await until("the limit", () => quietAfter.length > 0, 5_000);
});

it("each part of the answer is progress, also of one that begins early", async () => {
  const { socket, peer } = await connected();
  peer.resume();
  let parts = 0;
  let isAnswering = true;
  const { quietAfter } = watch(socket, { bytes: 8, received: () => parts });
  often(() => {
    if (isAnswering) parts += 1;
  });
  await passed(3 * QUIET);
  expect(quietAfter).toEqual([]);
  isAnswering = false;
  const ended = performance.now();
  await until("the limit", () => quietAfter.length > 0, 5_000);
  // Since the last part, of which a look may come a sixth of the limit before its end.
  expect(performance.now() - ended).toBeGreaterThan((QUIET * 4) / 5);
});

it("nothing is reported after the end", async () => {
  const { socket } = await connected();
  const { quietAfter, stop } = watch(socket, { bytes: 8 });
  stop();
  await passed(2 * QUIET);
  expect(quietAfter).toEqual([]);
});
