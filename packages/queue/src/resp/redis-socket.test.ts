/** Each command gets its reply or an error, however the socket ends. */
import { createServer, type Socket } from "node:net";
import { join } from "node:path";
import { milliseconds } from "@chouette-iot/record";
import { afterEach, expect, it } from "vitest";
import { newFolder } from "../../../../tests/support/folders.js";
import { listen } from "../../../../tests/support/listening.js";
import { until } from "../../../../tests/support/until.js";
import { DEFAULT_ADDRESS } from "./address.js";
import { RedisSocket } from "./redis-socket.js";
import { encodeCommands } from "./resp.js";

const cleanUps: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
});

/** A server that the test answers for. */
async function newServer() {
  const server = { received: "", socket: undefined as Socket | undefined };
  const listener = createServer((socket) => {
    server.socket = socket;
    socket.on("data", (chunk) => {
      server.received += chunk;
    });
  });
  const { port, stop } = await listen(listener);
  cleanUps.push(stop);
  const ends: string[] = [];
  const socket = new RedisSocket(
    { ...DEFAULT_ADDRESS, port },
    { keepAlive: milliseconds(1_000), onEnd: ({ message }) => ends.push(message) },
  );
  cleanUps.push(() => socket.destroy());
  const send = (...commands: string[]) =>
    socket.send(encodeCommands(commands.map((one) => [one]))).catch(({ message }: Error) => message);
  const asked = (text: string) => until(text, () => server.received.includes(text));
  return { server, socket, ends, send, asked, port };
}

it("replies are matched to what was sent, in order, before and after it is connected", async () => {
  const { server, send, asked, ends } = await newServer();
  const first = send("ONE", "TWO");
  const second = send("THREE");
  await asked("THREE");
  server.socket?.write("+1\r\n");
  const third = send("FOUR");
  await asked("FOUR");
  server.socket?.write("-ERR 2\r\n$1\r\n3\r\n:4\r\n");
  expect(await first).toMatchObject(["1", { message: "ERR 2" }]);
  expect([await second, await third, ends]).toEqual([["3"], [4], []]);
});

it("what waits is rejected with the reason if the socket ends, which is reported once", async () => {
  const { server, send, asked, ends, port } = await newServer();
  const waiting = [send("ONE"), send("TWO", "THREE")];
  await asked("THREE");
  server.socket?.end("+1\r\n+2\r\n");
  const reason = `Redis at 127.0.0.1:${port} is unavailable: it closed the connection`;
  expect(await Promise.all(waiting)).toEqual([["1"], reason]);
  expect(ends).toEqual([reason]);
  expect(await send("FOUR")).toBe("the connection has ended");
});

it("a server that isn't there is reported with the system's reason", async () => {
  const gone = await newServer();
  gone.socket.destroy();
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
  const ends: string[] = [];
  const options = { keepAlive: milliseconds(1_000), onEnd: ({ message }: Error) => ends.push(message) };
  const socket = new RedisSocket({ ...DEFAULT_ADDRESS, port: gone.port }, options);
  await expect(socket.send(encodeCommands([["PING"]]))).rejects.toThrow("ECONNREFUSED");
  expect(ends).toEqual([
    expect.stringContaining(`127.0.0.1:${gone.port} is unavailable: connect ECONNREFUSED`),
  ]);
});

it.each(["?\r\n", "+1\r\n+nobody asked\r\n"])("an answer that makes no sense ends it: %j", async (answer) => {
  const { server, send, asked, ends } = await newServer();
  const first = send("ONE");
  await asked("ONE");
  server.socket?.write(answer);
  await until("its end", () => ends.length > 0);
  expect(ends).toEqual([expect.stringContaining("makes no sense")]);
  expect(await first).toEqual(answer.startsWith("+") ? ["1"] : expect.stringContaining("makes no sense"));
});

it("destroyed by its owner, it rejects what waits, closes the connection and reports nothing", async () => {
  const { server, socket, send, asked, ends } = await newServer();
  const waiting = send("ONE");
  await asked("ONE");
  const closed = new Promise((resolve) => server.socket?.once("close", resolve));
  socket.destroy(new Error("given up"));
  socket.destroy();
  expect(await waiting).toBe("given up");
  await closed;
  expect([ends, await send("TWO")]).toEqual([[], "the connection has ended"]);
  const other = await newServer();
  const left = other.send("ONE");
  other.socket.destroy();
  expect(await left).toBe("the connection was closed");
});

it("connects to a Unix socket", async () => {
  const folder = await newFolder();
  cleanUps.push(folder.remove);
  const path = join(folder.path, "redis.sock");
  const listener = createServer((socket) => socket.resume().end("+OK\r\n"));
  await new Promise<void>((resolve) => listener.listen(path, resolve));
  cleanUps.push(() => new Promise((resolve) => listener.close(resolve)));
  const ends: string[] = [];
  const socket = new RedisSocket(
    { ...DEFAULT_ADDRESS, path },
    { keepAlive: milliseconds(1_000), onEnd: ({ message }) => ends.push(message) },
  );
  expect(await socket.send(encodeCommands([["PING"]]))).toEqual(["OK"]);
  await until("its end", () => ends.length > 0);
  expect(ends).toEqual([`Redis at ${path} is unavailable: it closed the connection`]);
});
