/** The kind of CHOUETTE_STATSD: the addresses on which the agent listens for DogStatsD. */
import { z } from "zod";
import type { StatsdAddress } from "../runtime/address.js";
import { hostAndPort, type Kind, list } from "./kinds.js";

const EXAMPLE = "127.0.0.1:8125";
const ADDRESS = /^(?:(udp|tcp|unixstream|unixgram):\/\/)?(.*)$/s;

/** `host:port` or `udp://host:port`, `tcp://host:port`, `unixstream:///path`, `unixgram:///path`; `off` for none. */
export function statsdAddresses(): Kind<readonly StatsdAddress[]> {
  const { schema } = list(z.string(), "addresses");
  return {
    expected: `addresses such as ${EXAMPLE}, tcp://${EXAMPLE} or unixstream:///run/chouette/statsd.sock, separated by commas, or off`,
    schema: schema.transform((items, context) => {
      if (items.length === 1 && items[0]?.trim().toLowerCase() === "off") return [];
      const addresses = items.map(statsdAddress);
      if (addresses.length > 0 && addresses.every((address) => address !== undefined)) return addresses;
      context.addIssue("not an address");
      return z.NEVER;
    }),
  };
}

function statsdAddress(text: string): StatsdAddress | undefined {
  const [, kind = "udp", place = ""] = ADDRESS.exec(text.trim()) ?? [];
  if (kind === "unixstream" || kind === "unixgram")
    return place.startsWith("/") ? { kind, path: place } : undefined;
  const parsed = hostAndPort(EXAMPLE).schema.safeParse(place);
  return parsed.success && (kind === "udp" || kind === "tcp") ? { kind, ...parsed.data } : undefined;
}
