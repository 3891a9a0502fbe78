/**
 * The host name of metrics and logs: HOST, or the system's current host name. It is read again each time, since a device
 * may get its name from the network late at boot.
 */
import { hostname } from "node:os";
import type { Settings } from "./settings.js";

export function currentHostName({ host }: Pick<Settings, "host">): string {
  return host ?? hostname();
}

/** Names that many devices share: Datadog would merge them. A container's id makes a new host of each container. */
const SHARED_NAMES = new Set([
  "localhost",
  "localhost.localdomain",
  "raspberrypi",
  "ubuntu",
  "debian",
  "jetson",
]);
const CONTAINER_ID = /^[0-9a-f]{12}$|^[0-9a-f]{64}$/;

/** Why the system's host name is unsuitable; undefined if it is suitable, or if HOST is set. */
export function hostNameProblem({ host }: Pick<Settings, "host">, system = hostname()): string | undefined {
  if (host !== undefined) return undefined;
  const name = system.toLowerCase();
  if (name === "" || SHARED_NAMES.has(name)) return `the host name "${system}" is not unique to this device`;
  return CONTAINER_ID.test(name)
    ? `the host name "${system}" looks like a container's id, which changes`
    : undefined;
}
