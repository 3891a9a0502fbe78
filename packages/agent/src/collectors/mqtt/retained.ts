/**
 * Reads retained messages from an MQTT 3.1.1 broker: connects, subscribes, reads, and disconnects.
 *
 * A broker answers in order. So all retained messages have arrived when it answers a ping that was sent after the
 * subscription, and no timeout is needed. Packets are encoded and parsed by mqtt-packet, on which MQTT.js is
 * based; without a session there is no need for the rest of MQTT.js.
 */
import { connect as connectTcp, isIP, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import { generate, type IConnectPacket, type Packet, parser } from "mqtt-packet";
import { bareHost } from "../../runtime/address.js";
import { loginOf } from "../../runtime/url-login.js";

const PORTS: Readonly<Record<string, number>> = { "mqtt:": 1883, "mqtts:": 8883 };

/** After which the broker closes an idle connection; a round is shorter. */
const KEEPALIVE_SECONDS = 60;

/**
 * The payloads by topic. Rejects if the broker can't be reached, refuses the login, or closes the connection.
 *
 * @param url `mqtt://user:password@host:port`, or `mqtts://`
 */
export function readRetained(
  url: string,
  topics: readonly string[],
  signal: AbortSignal,
): Promise<ReadonlyMap<string, string>> {
  return new Promise((resolve, reject) => {
    signal.throwIfAborted();
    const parsed = new URL(url);
    const { protocol, port } = parsed;
    const { username, password } = loginOf(parsed) ?? { username: "", password: "" };
    const login = connectPacket(username, password);
    const address = { host: bareHost(parsed), port: Number(port) || (PORTS[protocol] ?? 0) };
    // Explicit: with NODE_TLS_REJECT_UNAUTHORIZED=0, anybody could get the password. TLS has no server name for an address.
    const verified = { servername: isIP(address.host) === 0 ? address.host : "", rejectUnauthorized: true };
    const socket = protocol === "mqtts:" ? connectTls({ ...address, ...verified }) : connectTcp(address);
    const retained = new Map<string, string>();
    const incoming = parser({ protocolVersion: 4 });
    const end = (error?: Error) => {
      signal.removeEventListener("abort", abort);
      socket.destroy();
      if (error === undefined) resolve(retained);
      else reject(error);
    };
    const abort = () => end(new Error("the broker did not answer in time"));
    signal.addEventListener("abort", abort, { once: true });
    socket.on("data", (chunk) => incoming.parse(chunk));
    socket.once("error", end);
    socket.once("close", () => end(new Error("the broker closed the connection")));
    incoming.on("error", end);
    incoming.on("packet", (packet) => {
      if (packet.cmd === "connack" && packet.returnCode !== 0) {
        end(new Error(`the broker refused the login: code ${packet.returnCode}`));
      } else if (packet.cmd === "connack") {
        const subscriptions = topics.map((topic) => ({ topic, qos: 0 as const }));
        send(socket, { cmd: "subscribe", messageId: 1, subscriptions });
        send(socket, { cmd: "pingreq" });
      } else if (packet.cmd === "publish") {
        retained.set(packet.topic, packet.payload.toString());
      } else if (packet.cmd === "pingresp") {
        send(socket, { cmd: "disconnect" });
        end();
      }
    });
    send(socket, login);
  });
}

/** An empty client id makes the broker choose one, without a session. */
function connectPacket(username: string, password: string): IConnectPacket {
  return {
    cmd: "connect",
    clientId: "",
    clean: true,
    keepalive: KEEPALIVE_SECONDS,
    ...(username !== "" && { username, password: Buffer.from(password) }),
  };
}

function send(socket: Socket, packet: Packet): void {
  socket.write(generate(packet));
}
