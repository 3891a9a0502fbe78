/** The DogStatsD check of `chouette doctor`: whether the sockets are open, and losses. */
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { isIPv6 } from "node:net";
import { messageOf } from "@chouette-iot/record";
import type { Config } from "../config/config.js";
import { type StatsdAddress, shownStatsdAddress } from "../runtime/address.js";
import { count } from "../runtime/readable.js";
import type { Status } from "../status/status.js";
import { type Finding, finding } from "./finding.js";
import { askStatus } from "./running-agent.js";

const ABOUT = "statsd";
const ADDRESS_ADVICE = "set CHOUETTE_STATSD to another address, or to off";

export async function checkStatsd(config: Config): Promise<readonly Finding[]> {
  const addresses = config.settings.statsd;
  if (addresses.length === 0) return [];
  const status = await askStatus(config).catch(() => undefined);
  if (status !== undefined) return status.statsd === undefined ? [] : statsdFindings(status.statsd);
  const findings = await Promise.all(addresses.map(checkAddress));
  return findings.flat();
}

/** For a running agent. */
function statsdFindings({
  sockets,
  counters: { packets, invalidLines, refusedLines, dropped },
  lastInvalid,
}: NonNullable<Status["statsd"]>): readonly Finding[] {
  const warning = (found: string, advice: string) => finding(ABOUT, "warning", found, advice);
  const findings = sockets.map(({ address, error }) =>
    error === undefined
      ? finding(ABOUT, "ok", `${address} is open; ${count(packets, "packet")} received`)
      : warning(`${address} is not open: ${error}`, ADDRESS_ADVICE),
  );
  for (const { address, kernelDrops = 0 } of sockets) {
    const found = `${address}: the kernel dropped ${count(kernelDrops, "packet")}`;
    const advice = "raise net.core.rmem_max, have clients aggregate, or use a Unix stream socket";
    if (kernelDrops > 0) findings.push(warning(found, advice));
  }
  if (invalidLines > 0) {
    const last = `${lastInvalid?.line} (${lastInvalid?.reason})`;
    const found = `${count(invalidLines, "invalid line")}; the last one: ${last}`;
    findings.push(warning(found, "correct the client"));
  }
  if (refusedLines > 0) {
    const found = `${count(refusedLines, "line")} refused: too many metric names`;
    findings.push(warning(found, "put variable parts of names into tags"));
  }
  if (dropped > 0) {
    const found = `${count(dropped, "record")} dropped while the store was unavailable`;
    findings.push(warning(found, "see the store's outage"));
  }
  return findings;
}

/** Without a running agent: checks whether the socket can be opened. */
async function checkAddress(address: StatsdAddress): Promise<readonly Finding[]> {
  if (address.kind !== "udp" || address.port === 0) return [];
  const { host, port } = address;
  const socket = createSocket(isIPv6(host) ? "udp6" : "udp4");
  try {
    const listening = once(socket, "listening");
    socket.bind({ address: host, port, exclusive: true });
    await listening;
    return [];
  } catch (error) {
    const found = `${shownStatsdAddress(address)} can't be opened: ${messageOf(error)}`;
    return [finding(ABOUT, "warning", found, ADDRESS_ADVICE)];
  } finally {
    socket.close();
  }
}
