/** Invariant: what arrives at an inherited socket is taken once; the descriptor is never closed. */
import { createSocket, type Socket } from "node:dgram";
import { closeSync, openSync, readdirSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { cleanUpsAfterEach } from "../../../../../tests/support/clean-ups.js";
import { newFolder } from "../../../../../tests/support/folders.js";
import { until } from "../../../../../tests/support/until.js";
import { kernelInode, readKernelTable } from "./kernel-drops.js";
import { inheritedDescriptors, openInherited, openUnixDatagrams } from "./unix-datagrams.js";
import { WaitingDatagrams } from "./waiting-datagrams.js";

const cleanUps = cleanUpsAfterEach();

/** A socket that nobody reads, with its descriptor, which doesn't block, and one that sends to it. */
async function newSockets(): Promise<{
  readonly fd: number;
  send(text: string): Promise<void>;
  close(): void;
}> {
  const [receiver, sender] = [createSocket("udp4"), createSocket("udp4")];
  const closeOne = (socket: Socket) => {
    try {
      socket.close();
    } catch {
      // The test has closed it.
    }
  };
  cleanUps.push(() => [receiver, sender].forEach(closeOne));
  await new Promise<void>((resolve) => receiver.bind(0, "127.0.0.1", resolve));
  const { port } = receiver.address();
  const inode = kernelInode(await readKernelTable("127.0.0.1"), "127.0.0.1", port);
  const found = readdirSync("/proc/self/fd").find((name) => linkOf(name) === `socket:[${inode}]`);
  // Node would read what arrives before the test does.
  receiver.removeAllListeners("message");
  return {
    fd: Number(found),
    send: (text) => new Promise((resolve) => sender.send(text, port, "127.0.0.1", () => resolve())),
    close: () => receiver.close(),
  };
}

function linkOf(name: string): string {
  try {
    return readlinkSync(`/proc/self/fd/${name}`);
  } catch {
    return "";
  }
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
    for (const text of ["one", "two", "a longer one"]) await send(text);
    await until("the first ones", () => texts.length === 3);
    await send("later");
    await until("a later one", () => texts.length === 4);
    expect(texts).toEqual(["one", "two", "a longer one", "later"]);
    await socket.close();
    await send("for the next process");
    const next: string[] = [];
    const waiting = new WaitingDatagrams((packet, length) => {
      next.push(packet.toString("latin1", 0, length));
    });
    await until("it to arrive", () => waiting.read(fd) || next.length > 0);
    expect([next, texts.length]).toEqual([["for the next process"], 4]);
    // The socket is still open: nothing waits there any more.
    expect(waiting.read(fd)).toBe(false);
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

it("datagrams at a path need a package, and the error says which", async () => {
  const folder = await newFolder();
  cleanUps.push(() => folder.remove());
  const opening = openUnixDatagrams(join(folder.path, "statsd.sock"), () => {});
  const socket = await opening.catch((error: unknown) => error);
  if (socket instanceof Error) expect(socket.message).toMatch(/needs the package node-unix-socket/);
  else await (await opening).close();
});
