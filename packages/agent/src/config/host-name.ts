/**
 * The host name that metrics and logs are sent under: HOST, or the system's name at that moment. Read again each time,
 * since a device may get its name late at boot, from its network.
 */
import { hostname } from "node:os";
import type { Settings } from "./settings.js";

export function currentHostName({ host }: Pick<Settings, "host">): string {
  return host ?? hostname();
}

/** Names that many devices have, or that change with every container: Datadog would take those devices for one, or one for many. */
const SHARED_NAMES = new Set([
  "localhost",
  "localhost.localdomain",
  "raspberrypi",
  "ubuntu",
  "debian",
  "jetson",
]);
const CONTAINER_ID = /^[0-9a-f]{12}$|^[0-9a-f]{64}$/;

/** Why the system's host name is a bad one to send under; undefined if it is good, or if HOST is set. */
export function hostNameProblem({ host }: Pick<Settings, "host">, system = hostname()): string | undefined {
  if (host !== undefined) return undefined;
  const name = system.toLowerCase();
  if (name === "" || SHARED_NAMES.has(name)) return `the host name "${system}" is not unique to this device`;
  return CONTAINER_ID.test(name)
    ? `the host name "${system}" looks like a container's id, which changes`
    : undefined;
}
