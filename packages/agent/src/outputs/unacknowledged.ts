/**
 * The number of written bytes that the other end of a connection has not acknowledged.
 *
 * The kernel buffers megabytes and sends them for minutes on a slow link. Node has no access to SIOCOUTQ, but Linux shows the
 * same number to every user in /proc/net/tcp, as `tx_queue`.
 */
import { readFile } from "node:fs/promises";
import type { Socket } from "node:net";

const TABLES: Readonly<Record<string, string>> = { IPv4: "/proc/net/tcp", IPv6: "/proc/net/tcp6" };

/** Undefined if the system doesn't report it, as on macOS. */
export async function unacknowledgedBytes({
  localPort,
  remotePort,
  remoteFamily = "",
}: Pick<Socket, "localPort" | "remotePort" | "remoteFamily">): Promise<number | undefined> {
  const table = TABLES[remoteFamily];
  if (table === undefined || localPort === undefined || remotePort === undefined) return undefined;
  const text = await readFile(table, "latin1").catch(() => undefined);
  if (text === undefined) return undefined;
  const [local, remote] = [localPort, remotePort].map(hexPort);
  // `sl local_address rem_address st tx_queue:rx_queue …`, addresses and queues in hexadecimal. Sockets to other hosts may
  // have the same two ports. Their bytes are included: only changes matter.
  const line = new RegExp(`: [0-9A-F]+:${local} [0-9A-F]+:${remote} [0-9A-F]{2} ([0-9A-F]+):`, "g");
  let found: number | undefined;
  for (const [, queued = ""] of text.matchAll(line)) found = (found ?? 0) + Number.parseInt(queued, 16);
  return found;
}

function hexPort(port: number): string {
  return port.toString(16).toUpperCase().padStart(4, "0");
}
