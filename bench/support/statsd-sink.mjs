/** The sink of a StatsD client's datagrams. They are stored as they arrive, and parsed on request. */
import { createSocket } from "node:dgram";
import { setTimeout as sleep } from "node:timers/promises";

/** The kernel limits it to net.core.rmem_max; datagrams that don't fit are lost, as always with UDP. */
const RECEIVE_BUFFER = 16 * 1024 * 1024;
const QUIET_MS = 30;

/** @returns {Promise<StatsdSink>}
 *
 * @typedef {object} StatsdSink
 * @property {number} port
 * @property {() => void} clear
 * @property {() => Promise<Arrived[]>} lines  once nothing has come for a while, in the order of their coming
 * @property {() => void} close
 *
 * @typedef {{ name: string, value: number, type: string, tags: readonly string[] }} Arrived
 */
export async function startStatsdSink() {
  const socket = createSocket({ type: "udp4", recvBufferSize: RECEIVE_BUFFER });
  let datagrams = [];
  socket.on("message", (datagram) => datagrams.push(datagram));
  await new Promise((resolve) => socket.bind(0, "127.0.0.1", () => resolve(undefined)));
  return {
    port: socket.address().port,
    clear: () => {
      datagrams = [];
    },
    lines: async () => {
      for (let before = -1; before !== datagrams.length; ) {
        before = datagrams.length;
        await sleep(QUIET_MS);
      }
      return datagrams.flatMap((datagram) => datagram.toString().trimEnd().split("\n").map(parsed));
    },
    close: () => socket.close(),
  };
}

/** `name:value|type|#tag,tag` */
function parsed(line) {
  const [measured, type, tags = "#"] = line.split("|");
  const colon = measured.lastIndexOf(":");
  return {
    name: measured.slice(0, colon),
    value: Number(measured.slice(colon + 1)),
    type,
    tags: tags.slice(1).split(","),
  };
}
