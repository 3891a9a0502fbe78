/** Python's `redis` package, as the original client uses it to store records. */
import { spawn } from "node:child_process";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";

/** Python with its packages from Debian. */
const PYTHON = "/usr/bin/python3";
const SCRIPT = fileURLToPath(new URL("./original_client.py", import.meta.url));

export interface PythonRecord {
  readonly queue: string;
  /** Its time in seconds. */
  readonly score: number;
  readonly json: string;
}

/** @param mode how the commands are sent; original_client.py describes them
 * @returns for each queue the number of ids and of values that it has now */
export async function storeByPython(
  port: number,
  mode: "pipeline" | "batch" | "single",
  records: readonly PythonRecord[],
): Promise<Readonly<Record<string, readonly [ids: number, values: number]>>> {
  return JSON.parse(await outputOf(PYTHON, [SCRIPT, `${port}`, mode], JSON.stringify(records)));
}

/** A program's stdout for this stdin; rejects if it fails. */
export async function outputOf(command: string, args: readonly string[], input: string): Promise<string> {
  const child = spawn(command, args, { stdio: ["pipe", "pipe", "pipe"] });
  child.stdin.end(input);
  const ended = new Promise((resolve, reject) => child.on("error", reject).on("close", resolve));
  const [out, errors, code] = await Promise.all([text(child.stdout), text(child.stderr), ended]);
  if (code !== 0) throw new Error(`${command} ended with ${code}: ${errors}`);
  return out;
}
