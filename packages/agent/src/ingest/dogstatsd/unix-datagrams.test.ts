/** Invariant: what arrives at an inherited socket is taken once; the descriptor is never closed. */
import { spawnSync } from "node:child_process";
import { EventEmitter, once } from "node:events";
import { closeSync, existsSync, openSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { join } from "node:path";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { cleanUpsAfterEach } from "../../../../../tests/support/clean-ups.js";
import { newFolder } from "../../../../../tests/support/folders.js";
import { until } from "../../../../../tests/support/until.js";
import { inheritedDescriptors, openInherited, openUnixDatagrams, type UnixSocket } from "./unix-datagrams.js";
import { WaitingDatagrams } from "./waiting-datagrams.js";

const cleanUps = cleanUpsAfterEach();

/** A socket that Node doesn't read, with its descriptor, which doesn't block, and a function that sends to it. */
async function newSockets(): Promise<{ readonly fd: number; send(text: string): void; close(): void }> {
  const server = createServer({ pauseOnConnect: true });
  cleanUps.push(() => server.close());
  await once(server.listen(0, "127.0.0.1"), "listening");
  const sender = connect((server.address() as AddressInfo).port, "127.0.0.1");
  const [receiver]: Socket[] = await once(server, "connection");
  cleanUps.push(() => [receiver, sender].map((socket) => socket?.destroy()));
  const { _handle } = receiver as unknown as { readonly _handle: { readonly fd: number } };
  return { fd: _handle.fd, send: (text) => void sender.write(text), close: () => void receiver?.destroy() };
}

describe("datagrams that wait at a descriptor", () => {
  it("are read until there are none, at most 1,000 at a time", () => {
    const zeros = openSync("/dev/zero", "r");
    cleanUps.push(() => closeSync(zeros));
    let count = 0;
    const endless = new WaitingDatagrams((packet, length) => {
      count++;
      expect([packet.length, length]).toEqual([65_536, 65_536]);
    });
    expect(endless.read(zeros)).toBe(true);
    expect(count).toBe(1_000);
    expect(endless.read(zeros)).toBe(true);
    expect(count).toBe(2_000);
  });

  it("are none if nothing is there, and empty ones are nothing", () => {
    const nothing = openSync("/dev/null", "r");
    cleanUps.push(() => closeSync(nothing));
    const waiting = new WaitingDatagrams(() => expect.unreachable());
    expect(waiting.read(nothing)).toBe(true);
  });

  it("can't be read from a descriptor that is closed", () => {
    const waiting = new WaitingDatagrams(() => expect.unreachable());
    expect(() => waiting.read(999_999)).toThrow(/EBADF/);
  });
});

describe("the descriptors that systemd passed", () => {
  it.each([
    [{ LISTEN_PID: "7", LISTEN_FDS: "1" }, [3]],
    [{ LISTEN_PID: "7", LISTEN_FDS: "3" }, [3, 4, 5]],
    [{ LISTEN_PID: "8", LISTEN_FDS: "1" }, []],
    [{ LISTEN_PID: "7", LISTEN_FDS: "0" }, []],
    [{ LISTEN_PID: "7", LISTEN_FDS: "-1" }, []],
    [{ LISTEN_PID: "7", LISTEN_FDS: "1.5" }, []],
    [{ LISTEN_PID: "7", LISTEN_FDS: "many" }, []],
    [{ LISTEN_PID: "7" }, []],
    [{ LISTEN_FDS: "1" }, []],
  ])("begin at 3, if they are for this process: %j", (env, descriptors) => {
    expect(inheritedDescriptors(env, 7)).toEqual(descriptors);
  });
});

describe("an inherited socket", () => {
  it("is read again and again until it is closed, and stays open", async () => {
    const { fd, send } = await newSockets();
    const texts: string[] = [];
    const socket = openInherited(fd, (packet, length) => {
      texts.push(packet.toString("latin1", 0, length));
    });
    expect(socket.shown).toBe(`descriptor ${fd}`);
    for (const text of ["one", "two", "a longer one", "x".repeat(60_000)]) {
      send(text);
      await until("it to arrive", () => texts.join("").endsWith(text));
    }
    expect(texts.slice(0, 3)).toEqual(["one", "two", "a longer one"]);
    const count = texts.length;
    await socket.close();
    send("for the next process");
    const next: string[] = [];
    const waiting = new WaitingDatagrams((packet, length) => {
      next.push(packet.toString("latin1", 0, length));
    });
    await until("it to arrive", () => waiting.read(fd) || next.length > 0);
    expect([next, texts.length]).toEqual([["for the next process"], count]);
    // The socket is still open: nothing waits there any more.
    expect(waiting.read(fd)).toBe(false);
  });

  it("pauses while nothing arrives", async () => {
    const reads = vi.spyOn(WaitingDatagrams.prototype, "read");
    onTestFinished(() => reads.mockRestore());
    const { fd } = await newSockets();
    const began = performance.now();
    const socket = openInherited(fd, () => {});
    await until("some more reads", () => reads.mock.calls.length >= 6);
    const [took, count] = [performance.now() - began, reads.mock.calls.length];
    await socket.close();
    expect(took).toBeGreaterThan((count - 1) * 9);
  });

  it("breaks if its descriptor can't be read", async () => {
    const { fd, close } = await newSockets();
    const socket = openInherited(fd, () => {});
    close();
    await expect(socket.broken).rejects.toThrow(/EBADF|ENOTCONN|EINVAL/);
    await socket.close();
  });

  it("is refused if it isn't a socket", () => {
    const file = openSync("/dev/null", "r");
    cleanUps.push(() => closeSync(file));
    expect(() => openInherited(file, () => {})).toThrow(`descriptor ${file} is not a socket`);
  });
});

describe("datagrams at a path", () => {
  /** A stand-in for the package's class on files and streams of the system: who listens at a path is real. */
  class PathSocket extends EventEmitter implements UnixSocket {
    static readonly all: PathSocket[] = [];
    isClosed = false;
    buffer = 0;

    constructor() {
      super();
      PathSocket.all.push(this);
    }

    bind(path: string): void {
      if (existsSync(path)) throw new Error("EADDRINUSE");
      spawnSync("python3", [
        "-c",
        `import socket; socket.socket(socket.AF_UNIX).bind(${JSON.stringify(path)})`,
      ]);
    }

    setRecvBufferSize(bytes: number): void {
      this.buffer = bytes;
    }

    sendTo(
      _bytes: Buffer,
      offset: number,
      length: number,
      path: string,
      sent: (error?: Error) => void,
    ): void {
      expect([offset, length]).toEqual([0, 1]);
      const socket = connect(path);
      const end = (error?: Error) => {
        socket.destroy();
        if (error !== undefined) this.emit("error", error);
        sent(error);
      };
      socket.once("connect", () => end()).once("error", end);
    }

    close(): void {
      this.isClosed = true;
      setImmediate(() => this.emit("close"));
    }
  }

  async function newPath(): Promise<string> {
    const folder = await newFolder();
    cleanUps.push(() => folder.remove());
    PathSocket.all.length = 0;
    return join(folder.path, "statsd.sock");
  }

  const load = async () => PathSocket;

  it("are taken, at a socket to which programs of every user may write, until it is closed", async () => {
    const path = await newPath();
    const texts: string[] = [];
    const socket = await openUnixDatagrams(
      path,
      (packet, length) => void texts.push(packet.toString("latin1", 0, length)),
      load,
    );
    expect(socket.shown).toBe(`unixgram://${path}`);
    const [own] = PathSocket.all;
    own?.emit("data", Buffer.from("a:1|c"));
    expect(texts).toEqual(["a:1|c"]);
    expect([statSync(path).mode & 0o777, own?.buffer]).toEqual([0o722, 4 * 1024 * 1024]);
    own?.emit("error", new Error("broken"));
    await expect(socket.broken).rejects.toThrow("broken");
    await socket.close();
    expect([own?.isClosed, existsSync(path)]).toEqual([true, false]);
  });

  it("are taken in place of a process that was killed", async () => {
    const path = await newPath();
    new PathSocket().bind(path);
    const socket = await openUnixDatagrams(path, () => {}, load);
    expect(PathSocket.all.map(({ isClosed }) => isClosed)).toEqual([false, true, false]);
    await socket.close();
  });

  it("are left to a program that listens there", async () => {
    const path = await newPath();
    const server = createServer();
    await once(server.listen(path), "listening");
    cleanUps.push(() => server.close());
    await expect(openUnixDatagrams(path, () => {}, load)).rejects.toThrow(
      `${path} is taken by another program`,
    );
    expect(existsSync(path)).toBe(true);
    expect(PathSocket.all.map(({ isClosed }) => isClosed)).toEqual([true]);
  });

  it("aren't taken in place of a file that isn't a socket", async () => {
    const path = await newPath();
    writeFileSync(path, "precious");
    await expect(openUnixDatagrams(path, () => {}, load)).rejects.toThrow("EADDRINUSE");
    expect(readFileSync(path, "utf8")).toBe("precious");
    expect(PathSocket.all.map(({ isClosed }) => isClosed)).toEqual([true]);
  });

  it("need a package, and the error says which", async () => {
    const opening = openUnixDatagrams(await newPath(), () => {});
    const socket = await opening.catch((error: unknown) => error);
    if (socket instanceof Error) expect(socket.message).toMatch(/needs the package node-unix-socket/);
    else await (await opening).close();
  });
});
