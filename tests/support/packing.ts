/** The published packages, made from the current build. */
import { execFile } from "node:child_process";
import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const root = fileURLToPath(new URL("../..", import.meta.url));
const runFile = promisify(execFile);

/** Packs the package into the folder. Returns the path of its tarball. */
export async function pack(name: "chouette-iot" | "chouette-iot-client", folder: string): Promise<string> {
  await runFile(process.execPath, [join(root, "scripts/pack.mjs"), folder, name]);
  const tarball = (await readdir(folder)).find((entry) => entry.endsWith(".tgz"));
  if (tarball === undefined) throw new Error(`no tarball in ${folder}`);
  return join(folder, tarball);
}

export interface InstalledFiles {
  readonly bytes: number;
  readonly files: number;
}

export async function installedFiles(folder: string): Promise<InstalledFiles> {
  const entries = await readdir(folder, { recursive: true });
  const stats = await Promise.all(entries.map((entry) => stat(join(folder, entry))));
  const files = stats.filter((entry) => entry.isFile());
  return { bytes: files.reduce((sum, { size }) => sum + size, 0), files: files.length };
}
