/** Network addresses: whether one is loopback, and how they are shown. */
import { BlockList, isIP } from "node:net";

const LOOPBACK = new BlockList();
LOOPBACK.addSubnet("127.0.0.0", 8, "ipv4");
LOOPBACK.addAddress("::1", "ipv6");

/** Whether an address is a loopback address; IPv4 addresses may be mapped to IPv6 (`::ffff:127.0.0.1`). */
export function isLoopback(address: string | undefined): boolean {
  const plain = (address ?? "").replace(/^::ffff:/i, "");
  const family = isIP(plain);
  return family !== 0 && LOOPBACK.check(plain, family === 6 ? "ipv6" : "ipv4");
}

/** `host:port`, an IPv6 address in brackets. */
export function shownAddress({ host, port }: { readonly host: string; readonly port: number }): string {
  return `${host.includes(":") ? `[${host}]` : host}:${port}`;
}

/** The host of a URL without the brackets of an IPv6 address. */
export function bareHost({ hostname }: Pick<URL, "hostname">): string {
  return hostname.replace(/^\[|\]$/g, "");
}

/** An address on which the agent listens for DogStatsD. */
export type StatsdAddress =
  | { readonly kind: "udp" | "tcp"; readonly host: string; readonly port: number }
  /** A Unix socket, of streams with length prefixes or of datagrams. */
  | { readonly kind: "unixstream" | "unixgram"; readonly path: string }
  /** A socket that systemd handed over. */
  | { readonly kind: "descriptor"; readonly fd: number };

/** As in CHOUETTE_STATSD, always with its kind. */
export function shownStatsdAddress(address: StatsdAddress): string {
  switch (address.kind) {
    case "udp":
    case "tcp":
      return `${address.kind}://${shownAddress(address)}`;
    case "unixstream":
    case "unixgram":
      return `${address.kind}://${address.path}`;
    case "descriptor":
      return `descriptor ${address.fd}`;
    default:
      return address satisfies never;
  }
}
