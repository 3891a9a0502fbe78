/**
 * Ports for servers that can't bind port 0 and report the result: redis-server, a server that restarts on the same
 * port, one that starts later. Everything else binds 0.
 */
import { readFileSync } from "node:fs";
import { createServer, type Server } from "node:net";

/** Nobody listens here: tcpmux, which needs root and which nothing starts any more. */
export const CLOSED_PORT = 1;

const FIRST = 10_000;
/** The system assigns ports from here on to port 0 and outgoing connections; ours are below. */
const [END = 32_768] = readFileSync("/proc/sys/net/ipv4/ip_local_port_range", "utf8").split("\t").map(Number);
const RESERVING_ADDRESS = "127.0.0.2";
const MAX_ATTEMPTS = 1_000;

/**
 * A port of 127.0.0.1 that is reserved while this process lives, though nothing listens on it yet. To reserve it, a
 * process listens on the same port of another loopback address, which only one process can.
 */
export async function reservedPort(): Promise<number> {
  for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
    const port = FIRST + Math.floor(Math.random() * (END - FIRST));
    const reservation = await listens(port, RESERVING_ADDRESS);
    if (reservation === undefined) continue;
    // No program outside of the tests may have it.
    const probe = await listens(port, "127.0.0.1");
    if (probe === undefined) {
      reservation.close();
      continue;
    }
    await new Promise((resolve) => probe.close(resolve));
    reservation.unref();
    return port;
  }
  throw new Error(`no port from ${FIRST} to ${END} is free`);
}

function listens(port: number, host: string): Promise<Server | undefined> {
  return new Promise((resolve) => {
    const server = createServer((socket) => socket.destroy());
    server.once("error", () => resolve(undefined));
    server.listen(port, host, () => resolve(server));
  });
}
