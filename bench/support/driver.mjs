/** A plain connection to a broker with the driver that the agent uses. */
import { createClient } from "@redis/client";

/** @param {number} port of loopback */
export function connectTo(port) {
  return createClient({ RESP: 2, socket: { host: "127.0.0.1", port } })
    .on("error", () => {})
    .connect();
}
