import { createSocket, type Socket } from "node:dgram";
import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { once } from "node:events";
import { setImmediate as nextTurn } from "node:timers/promises";
import { expect, test } from "vitest";
import { until } from "../../../../../tests/support/until.js";
import { openUdpSocket } from "./udp-socket.js";

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
