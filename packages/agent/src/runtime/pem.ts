/** Certificates and keys in PEM, in files that settings name. */
import { readFile } from "node:fs/promises";
import { messageOf } from "@chouette-iot/record";

/** The text of a file that a setting names; undefined if it names none. */
export async function pem(setting: string, path: string | undefined): Promise<string | undefined> {
  if (path === undefined) return undefined;
  const text = await readFile(path, "utf8").catch((cause) => {
    throw new Error(`${setting} can't be read: ${messageOf(cause)}`, { cause });
  });
  if (!text.includes("-----BEGIN ")) throw new Error(`${setting} holds nothing in PEM: ${path}`);
  return text;
}
