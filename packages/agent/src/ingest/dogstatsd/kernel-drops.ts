/**
 * Reads how many packets the kernel dropped because a UDP socket's buffer was full: the last column of `/proc/net/udp`.
 *
 * There is no other trace of them: the sender gets no error.
 */
import { readFile } from "node:fs/promises";
import { isIPv6 } from "node:net";

/** The field with a socket's inode. */
const INODE = 9;

/** @returns packets since the socket was opened; undefined if the system doesn't report it */
export async function readKernelDrops(address: string, port: number): Promise<number | undefined> {
  return kernelDrops(await readKernelTable(address), address, port);
}

/** @param table the file's text */
export function kernelDrops(table: string, address: string, port: number): number | undefined {
  return wholeNumber(kernelFields(table, address, port)?.at(-1));
}

/** The inode of a UDP socket, which the links in `/proc/self/fd` contain. @param table the file's text */
export function kernelInode(table: string, address: string, port: number): number | undefined {
  return wholeNumber(kernelFields(table, address, port)?.[INODE]);
}

/** The kernel's table of UDP sockets for an address; empty if the system has none. */
export async function readKernelTable(address: string): Promise<string> {
  return await readFile(isIPv6(address) ? "/proc/net/udp6" : "/proc/net/udp", "latin1").catch(() => "");
}

function kernelFields(table: string, address: string, port: number): readonly string[] | undefined {
  const local = `${hexAddress(address)}:${port.toString(16).toUpperCase().padStart(4, "0")}`;
  const rows = table.split("\n").map((line) => line.trim().split(/\s+/));
  return rows.find((fields) => fields[1] === local);
}

function wholeNumber(text: string | undefined): number | undefined {
  const number = Number(text);
  return Number.isInteger(number) ? number : undefined;
}

/** As the kernel writes it: 32-bit words in the machine's byte order, which is little-endian on all supported systems. */
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
