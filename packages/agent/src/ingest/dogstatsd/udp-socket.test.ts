import { createSocket, type Socket } from "node:dgram";
import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { once } from "node:events";
import { setImmediate as nextTurn } from "node:timers/promises";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import { until } from "../../../../../tests/support/until.js";
import { openUdpSocket } from "./udp-socket.js";
import { WaitingDatagrams } from "./waiting-datagrams.js";

test.each(["127.0.0.1", "::1"])("what comes in a burst is taken once and in order: %s", async (host) => {
  const texts: string[] = [];
  const address = { host, port: 0 };
  const socket = await openUdpSocket(address, (packet, length) => {
    texts.push(packet.toString("latin1", 0, length));
  });
  const sender = createSocket(host === "::1" ? "udp6" : "udp4");
  try {
    sender.connect(Number(/:(\d+)$/.exec(socket.shown)?.[1]), host);
    await once(sender, "connect");
    const sent = Array.from({ length: 300 }, (_, number) => `${number}`.padEnd(1 + (number % 7) * 100, "."));
    sent[7] = "x".repeat(60_000);
    for (const [number, text] of sent.entries()) {
      sender.send(text);
      if (number % 100 === 99) await nextTurn();
    }
    await until("all to arrive", () => texts.length >= sent.length);
    expect(texts).toEqual(sent);
    // An empty one is nothing, and ends nothing.
    for (const text of ["", "a", "", "b", "c", "", "d", "e"]) sender.send(text);
    await until("those after empty ones", () => texts.at(-1) === "e");
    expect(texts.slice(sent.length).filter((text) => text !== "")).toEqual(["a", "b", "c", "d", "e"]);
  } finally {
    sender.close();
    await socket.close();
  }
});

test("what comes while the socket is being opened is taken", async () => {
  const sender = createSocket("udp4");
  const sendEarly = (message: unknown) => {
    const { socket } = message as { readonly socket: Socket };
    socket.once("listening", () => sender.send("early", socket.address().port, "127.0.0.1"));
  };
  const texts: string[] = [];
  subscribe("udp.socket", sendEarly);
  const opening = openUdpSocket({ host: "127.0.0.1", port: 0 }, (packet, length) => {
    texts.push(packet.toString("latin1", 0, length));
  });
  unsubscribe("udp.socket", sendEarly);
  const socket = await opening;
  try {
    await until("it to arrive", () => texts.length > 0);
    expect(texts).toEqual(["early"]);
  } finally {
    sender.close();
    await socket.close();
  }
});

describe("a turn of the event loop", () => {
  const read = () => {
    const spy = vi.spyOn(WaitingDatagrams.prototype, "read");
    onTestFinished(() => spy.mockRestore());
    return spy;
  };

  /** An open socket, and a function that sends texts within one turn. */
  async function open(onText: (text: string) => void) {
    const socket = await openUdpSocket({ host: "127.0.0.1", port: 0 }, (packet, length) =>
      onText(packet.toString("latin1", 0, length)),
    );
    const sender = createSocket("udp4");
    onTestFinished(() => void sender.close());
    sender.connect(Number(/:(\d+)$/.exec(socket.shown)?.[1]), "127.0.0.1");
    await once(sender, "connect");
    return {
      socket,
      send: (...texts: readonly string[]) => {
        for (const text of texts) sender.send(text);
      },
    };
  }

  test("with several datagrams reads the waiting ones from the descriptor, from the first burst on", async () => {
    const reads = read();
    const texts: string[] = [];
    const { socket, send } = await open((text) => texts.push(text));
    const sent = Array.from({ length: 8 }, (_, number) => `${number}`);
    send(...sent);
    await until("all to arrive", () => texts.length === sent.length);
    expect(texts).toEqual(sent);
    expect(reads).toHaveBeenCalledTimes(1);
    await socket.close();
  });

  test("with fewer reads nothing else, however many turns there are", async () => {
    const reads = read();
    const texts: string[] = [];
    const { socket, send } = await open((text) => texts.push(text));
    for (let number = 1; number <= 12; number++) {
      send(`${number}`);
      await until("it to arrive", () => texts.length === number);
    }
    expect(reads).not.toHaveBeenCalled();
    await socket.close();
  });

  test("after it was closed reads nothing: its descriptor may be another file's", async () => {
    const reads = read();
    let closing: Promise<void> | undefined;
    const texts: string[] = [];
    const { socket, send } = await open((text) => {
      texts.push(text);
      if (texts.length === 4) closing = socket.close();
    });
    send("1", "2", "3", "4", "5", "6", "7", "8");
    await until("it to be closed", () => closing !== undefined);
    await closing;
    expect(texts).toEqual(["1", "2", "3", "4"]);
    expect(reads).not.toHaveBeenCalled();
  });

  test("in which the descriptor can't be read breaks the socket", async () => {
    read().mockImplementation(() => {
      throw new Error("EIO");
    });
    const { socket, send } = await open(() => {});
    send("1", "2", "3", "4");
    await expect(socket.broken).rejects.toThrow("EIO");
    await socket.close();
  });
});

test("an address that isn't this machine's is refused", async () => {
  await expect(openUdpSocket({ host: "192.0.2.1", port: 0 }, () => {})).rejects.toThrow(/EADDRNOTAVAIL/);
});
