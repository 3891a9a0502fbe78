/** Reads certificates and keys in PEM format. */
import { readFile } from "node:fs/promises";
import { messageOf } from "@chouette-iot/record";

/**
 * The text of a PEM file; undefined without a path. Rejects, with the setting's name, if the file can't be read or isn't PEM.
 * @param setting that names the file
 */
export async function pem(setting: string, path: string | undefined): Promise<string | undefined> {
  if (path === undefined) return undefined;
  const text = await readFile(path, "utf8").catch((cause) => {
    throw new Error(`${setting} can't be read: ${messageOf(cause)}`, { cause });
  });
  if (!text.includes("-----BEGIN ")) throw new Error(`${setting} isn't a PEM file: ${path}`);
  return text;
}
