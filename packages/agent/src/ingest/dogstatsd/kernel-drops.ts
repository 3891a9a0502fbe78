/**
 * How many packets the kernel dropped because a UDP socket's buffer was full: the last column of `/proc/net/udp`.
 *
 * It is the only trace of them: the sender gets no error.
 */
import { readFile } from "node:fs/promises";
import { isIPv6 } from "node:net";

/** @returns packets since the socket was opened; undefined if this system doesn't say */
export async function readKernelDrops(address: string, port: number): Promise<number | undefined> {
  const file = isIPv6(address) ? "/proc/net/udp6" : "/proc/net/udp";
  const text = await readFile(file, "latin1").catch(() => "");
  return kernelDrops(text, address, port);
}

/** @param table as the kernel writes it */
export function kernelDrops(table: string, address: string, port: number): number | undefined {
  const local = `${hexAddress(address)}:${port.toString(16).toUpperCase().padStart(4, "0")}`;
  for (const line of table.split("\n")) {
    const fields = line.trim().split(/\s+/);
    if (fields[1] !== local) continue;
    const drops = Number(fields.at(-1));
    if (Number.isInteger(drops)) return drops;
  }
  return undefined;
}

/** As the kernel shows it: words of 32 bits in the byte order of the machine, which is little-endian on all we run on. */
function hexAddress(address: string): string {
  const bytes = isIPv6(address) ? ipv6Bytes(address) : address.split(".").map(Number);
  const hex = (byte: number | undefined) => (byte ?? 0).toString(16).toUpperCase().padStart(2, "0");
  let text = "";
  for (let word = 0; word < bytes.length; word += 4)
    for (let byte = word + 3; byte >= word; byte--) text += hex(bytes[byte]);
  return text;
}

function ipv6Bytes(address: string): readonly number[] {
  const [head = "", tail] = address.replace(/%.*$/, "").split("::");
  const groups = (part: string) => (part === "" ? [] : part.split(":"));
  const before = groups(head);
  const after = tail === undefined ? [] : groups(tail);
  const zeros = Array.from({ length: 8 - before.length - after.length }, () => "0");
  return [...before, ...zeros, ...after].flatMap((group) => {
    const value = Number.parseInt(group, 16);
    return [value >> 8, value & 255];
  });
}
