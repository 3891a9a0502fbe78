/**
 * Sends valid and invalid DogStatsD: lines of every type, dialect and field, events and service checks, flipped bits,
 * packets of 65,507 bytes, endless tags and lines; over UDP, TCP and a Unix stream with truncated and wrong lengths.
 */
import { createSocket } from "node:dgram";
import { connect, type Socket } from "node:net";
import { setTimeout as pause } from "node:timers/promises";
import { pick, type Random } from "../support/random.js";
import { flipBit, oneOf, times } from "./json-grammar.js";

export interface StatsdSockets {
  readonly udp: number;
  readonly tcp: number;
  /** Of the Unix stream. */
  readonly path: string;
}

const CONNECTIONS = 4;
const MAX_DATAGRAM = 65_507;
const MAX_PIECES = 20;
/** Number of distinct metrics and tags: few, so that lines of all kinds meet in one series. */
const NAMES = 6;
const VALUES = [
  "1",
  "-1",
  "+1",
  "0.5",
  ".5",
  "5.",
  "1e3",
  "1e308",
  "1e309",
  "NaN",
  "",
  "1:2:x",
  "1:2",
  "x",
] as const;
const TYPES = ["c", "g", "h", "ms", "s", "d", "m", "cc", "", "constructor"] as const;
const FIELDS = [
  "@0.5",
  "@0",
  "@1e-300",
  "#env:a,b",
  "#",
  "#env:a,env:b,,:",
  "#__proto__:1,constructor:2",
  "#größe:ü,😀",
  "T1700000000",
  "T99999999999",
  "T0",
  "c:ci-abc",
  "e:it-false,cn-web,pu-1",
  "card:none",
  "card:high",
  "x:y",
  "",
] as const;

/** Sends until it is stopped. Resolves with how many packets and pieces it sent. */
export function startDogstatsdFuzzer(sockets: StatsdSockets, random: Random): { stop(): Promise<number> } {
  let isStopped = false;
  let sent = 0;
  const pieces = async (write: (piece: Buffer) => void) => {
    for (const piece of times(random, MAX_PIECES, () => packetOf(random))) {
      if (isStopped) return;
      sent++;
      write(piece);
      await pause(random() * 10);
    }
  };
  const udp = (async () => {
    const socket = createSocket("udp4");
    socket.on("error", () => {});
    while (!isStopped) {
      await pieces((piece) => socket.send(piece, sockets.udp, "127.0.0.1"));
      await pause(5);
    }
    socket.close();
  })();
  const streams = Array.from({ length: CONNECTIONS }, async (_, number) => {
    while (!isStopped) {
      const isUnix = number % 2 === 0;
      const socket = isUnix ? connect(sockets.path) : connect(sockets.tcp, "127.0.0.1");
      socket.on("error", () => {});
      await pieces(
        (piece) => void (socket.destroyed || socket.write(isUnix ? framed(random, piece) : piece)),
      );
      await finish(socket, random);
    }
  });
  return {
    stop: async () => {
      isStopped = true;
      await Promise.all([udp, ...streams]);
      return sent;
    },
  };
}

async function finish(socket: Socket, random: Random): Promise<void> {
  if (random() < 0.5) socket.end();
  await pause(5);
  socket.destroy();
}

/** Prefixed with its length, which may be wrong or truncated. */
function framed(random: Random, packet: Buffer): Buffer {
  const prefix = Buffer.alloc(4);
  prefix.writeUInt32LE(packet.length);
  return pick<() => Buffer>(random, [
    [60, () => Buffer.concat([prefix, packet])],
    [2, () => flipBit(random, Buffer.concat([prefix, packet]))],
    [1, () => prefix.subarray(0, 2)],
    [1, () => Buffer.concat([Buffer.of(255, 255, 255, 255), packet])],
    [1, () => Buffer.alloc(4)],
  ])();
}

function packetOf(random: Random): Buffer {
  const lines = () => times(random, 20, () => lineOf(random)).join(oneOf(random, ["\n", "\r\n", "\n\n"]));
  return pick<() => Buffer>(random, [
    [40, () => Buffer.from(lines()).subarray(0, MAX_DATAGRAM)],
    [4, () => flipBit(random, Buffer.from(`${lines()}.`).subarray(0, MAX_DATAGRAM))],
    [2, () => Buffer.from(times(random, 300, () => Math.floor(random() * 256)))],
    [
      1,
      () =>
        Buffer.alloc(MAX_DATAGRAM, oneOf(random, ["a", "a:1|c\n", "#", "\n", ":", "[", "\0", "a:1|c|#x,"])),
    ],
    [1, () => Buffer.from(`fuzz.tags:1|c|#${"t:v,".repeat(random() * 16_000)}`)],
    [1, () => Buffer.alloc(0)],
  ])();
}

function lineOf(random: Random): string {
  return pick<() => string>(random, [
    [30, () => metricOf(random)],
    // Rare, since events are sent one by one and the end of a run waits for them.
    [
      0.1,
      () =>
        `_e{${oneOf(random, ["1,1", "5,5", "0,0", "99,1", "1"])}}:a|b|d:${oneOf(random, ["1", "x"])}|p:low`,
    ],
    [0.02, () => "_e{5,4}:title|text|t:error|s:fuzz|k:key|#a:b"],
    [2, () => `_sc|fuzz.check|${Math.floor(random() * 6)}|#a:b|m:message`],
    [1, () => oneOf(random, ["_sc", "_", "|", ":|", "a", "\0", "a[b:1|c", "a]b[:1|c|#["])],
  ])();
}

function metricOf(random: Random): string {
  const name = pick<() => string>(random, [
    [20, () => `fuzz.${Math.floor(random() * NAMES)}`],
    [1, () => `fuzz.new${Math.floor(random() * 1e9)}`],
    [
      1,
      () =>
        oneOf(random, [
          "f,k=v",
          "f#k=v",
          "f[k=v:w]",
          "f[k=v",
          "",
          "__proto__",
          "größe",
          "1",
          "f".repeat(300),
        ]),
    ],
  ])();
  const value = random() < 0.7 ? `${Math.floor(random() * 100)}` : oneOf(random, VALUES);
  const fields = times(random, 3, () =>
    random() < 0.1 ? `#id:${Math.floor(random() * 1e9)}` : oneOf(random, FIELDS),
  );
  return [`${name}:${value}`, oneOf(random, TYPES), ...fields].join("|");
}
