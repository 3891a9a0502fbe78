/** An address of this machine that isn't loopback, as another machine would use it. */
import { networkInterfaces } from "node:os";

export function ownAddress(): string {
  const own = Object.values(networkInterfaces())
    .flatMap((addresses) => addresses ?? [])
    .find(({ family, internal }) => family === "IPv4" && !internal);
  if (own === undefined) throw new Error("this machine has no address but loopback");
  return own.address;
}
