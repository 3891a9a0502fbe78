/** Invariant: a socket is open, or is tried again until it is closed; its status says which. */
import { describe, expect, it } from "vitest";
import { ManualClock } from "../../../../../tests/support/manual-clock.js";
import type { StatsdAddress } from "../../runtime/address.js";
import type { Log } from "../../runtime/log.js";
import { withResolvers } from "../../runtime/promises.js";
import { KeptSocket } from "./kept-socket.js";
import type { OpenSocket } from "./sockets.js";

const UDP: StatsdAddress = { kind: "udp", host: "127.0.0.1", port: 8125 };

/** A socket that can be broken, and notes when it is closed. */
function newSocket(closing: () => Promise<void> = async () => {}) {
  const { promise: broken, reject: fail } = withResolvers<never>();
  broken.catch(() => {});
  const state = { closed: 0 };
  const socket: OpenSocket = {
    shown: "udp://127.0.0.1:4711",
    kernelDrops: async () => 3,
    broken,
    close: async () => {
      state.closed++;
      await closing();
    },
  };
  return { socket, fail, state };
}

/** @param attempts what the attempts to open it give, in their order */
function keptSocket(
  attempts: readonly (() => Promise<OpenSocket>)[],
  { address = UDP, retries = true }: { readonly address?: StatsdAddress; readonly retries?: boolean } = {},
) {
  const clock = new ManualClock(Date.now());
  const lines: string[] = [];
  const keep = (...args: readonly unknown[]) =>
    void lines.push(args.map((arg) => JSON.stringify(arg)).join(" "));
  const log: Log = { debug: keep, info: keep, warn: keep, error: keep };
  let tries = 0;
  const open = () => (attempts[tries++] ?? refuse("no more"))();
  const kept = new KeptSocket({ address, retries, clock, log, open });
  return { kept, clock, lines, tries: () => tries };
}

const give = (socket: OpenSocket) => async () => socket;
const refuse = (reason: unknown) => () => Promise.reject(reason);
const isSettled = async (promise: Promise<unknown>) => {
  let settled = false;
  void promise.then(() => {
    settled = true;
  });
  await new Promise(setImmediate);
  return settled;
};

describe("a socket that opens", () => {
  it("is shown with its own address, and closed once", async () => {
    const { socket, state } = newSocket();
    const { kept, lines, tries } = keptSocket([give(socket)]);
    await kept.start();
    expect(await kept.status()).toEqual({ address: socket.shown, error: undefined, kernelDrops: 3 });
    expect(kept.outage.isOn).toBe(false);
    expect(lines).toEqual([`{"listen":"${socket.shown}"} "DogStatsD listening"`]);
    await kept.close();
    expect([state.closed, tries()]).toEqual([1, 1]);
  });

  it("is closed as well if that was asked for while it was being opened", async () => {
    const { socket, state } = newSocket();
    const { promise, resolve } = withResolvers<OpenSocket>();
    const { kept } = keptSocket([() => promise]);
    const starting = kept.start();
    await kept.close();
    resolve(socket);
    await starting;
    expect(state.closed).toBe(1);
  });

  it.each<readonly [StatsdAddress, boolean]>([
    [UDP, false],
    [{ kind: "udp", host: "localhost", port: 1 }, false],
    [{ kind: "tcp", host: "::1", port: 1 }, false],
    [{ kind: "udp", host: "0.0.0.0", port: 1 }, true],
    [{ kind: "tcp", host: "10.0.0.1", port: 1 }, true],
    [{ kind: "unixstream", path: "/run/statsd" }, false],
  ])("warns of a port that others can reach: %j", async (address, isWarned) => {
    const { kept, lines } = keptSocket([give(newSocket().socket)], { address });
    await kept.start();
    expect(lines.some((line) => line.includes("anybody who can reach it"))).toBe(isWarned);
    await kept.close();
  });
});

describe("a socket that doesn't open", () => {
  it("is tried again every 10 seconds, until it opens; until then the status says why", async () => {
    const taken = Object.assign(new Error("bind EADDRINUSE"), { code: "EADDRINUSE" });
    const { socket } = newSocket();
    const { kept, clock, tries } = keptSocket([refuse(taken), refuse("gone"), give(socket)]);
    await kept.start();
    expect(await kept.status()).toEqual({
      address: "udp://127.0.0.1:8125",
      error: "bind EADDRINUSE (taken by another program)",
      kernelDrops: undefined,
    });
    await clock.advance(9_999);
    expect([tries(), kept.outage.isOn]).toEqual([1, true]);
    await clock.advance(1);
    expect([tries(), (await kept.status()).error]).toEqual([2, "gone"]);
    await clock.advance(10_000);
    expect([tries(), kept.outage.isOn, (await kept.status()).error]).toEqual([3, false, undefined]);
    await clock.advance(60_000);
    expect(tries()).toBe(3);
    await kept.close();
  });

  it("is left alone if that is what the setting says, with advice", async () => {
    const forbidden = Object.assign(new Error("no permission"), { code: "EACCES" });
    const { kept, clock, lines, tries } = keptSocket([refuse(forbidden)], {
      retries: false,
    });
    await kept.start();
    await clock.advance(3_600_000);
    expect(tries()).toBe(1);
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatch(/not listening: no permission; set CHOUETTE_STATSD/);
    await kept.close();
    expect((await kept.status()).error).toBe("no permission");
  });

  it("isn't tried again after it was closed", async () => {
    const { kept, clock, tries } = keptSocket([refuse("gone")]);
    await kept.start();
    await clock.advance(5_000);
    await kept.close();
    await clock.advance(20_000);
    expect(tries()).toBe(1);
  });

  it("is waited for if it is being opened again when it is closed, and closed then", async () => {
    const { socket, state } = newSocket();
    const { promise, resolve } = withResolvers<OpenSocket>();
    const { kept, clock, tries } = keptSocket([refuse("gone"), () => promise]);
    await kept.start();
    await clock.advance(10_000);
    const closing = kept.close();
    expect([await isSettled(closing), tries()]).toEqual([false, 2]);
    resolve(socket);
    await closing;
    expect(state.closed).toBe(1);
  });
});

describe("a socket that breaks", () => {
  it("is closed and opened again, even without the first attempts' right to fail", async () => {
    const first = newSocket(() => Promise.reject(new Error("is closed already")));
    const second = newSocket();
    const { kept, clock } = keptSocket([give(first.socket), give(second.socket)], { retries: false });
    await kept.start();
    first.fail(new Error("EBADF"));
    await clock.advance(0);
    expect(first.state.closed).toBe(1);
    expect([kept.outage.isOn, await kept.status()]).toMatchObject([
      true,
      { address: "udp://127.0.0.1:8125", error: "EBADF" },
    ]);
    await clock.advance(10_000);
    expect([kept.outage.isOn, (await kept.status()).error]).toEqual([false, undefined]);
    await kept.close();
    expect([first.state.closed, second.state.closed]).toEqual([1, 1]);
  });

  it("after it was closed is no outage, and isn't opened again", async () => {
    const { socket, fail } = newSocket(async () => fail(new Error("closed")));
    const { kept, clock, tries } = keptSocket([give(socket)]);
    await kept.start();
    await kept.close();
    await clock.advance(20_000);
    expect([tries(), kept.outage.isOn]).toEqual([1, false]);
  });
});
