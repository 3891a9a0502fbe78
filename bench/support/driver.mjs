/** A bare connection to a broker by the driver that the packages use. */
import { createClient } from "@redis/client";

/** @param {number} port of loopback */
export function connectTo(port) {
  return createClient({ RESP: 2, socket: { host: "127.0.0.1", port } })
    .on("error", () => {})
    .connect();
}
