/**
 * Runs a program and returns its output.
 *
 * Promises: the program never outlives the signal. It runs in a separate process group, which is killed as a whole,
 * with all that the program started and that is still in the group. Nothing is waited for after that, not even a process
 * that has left the group and has the output open. Output beyond a limit is an error and takes no memory.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { programEnvironment } from "./program-environment.js";

const MAX_OUTPUT = 1_048_576;
const MAX_STDERR = 200;

export interface ProgramOptions {
  /** Ends the program when it is aborted. */
  readonly signal: AbortSignal;
  /** Variables of the agent's environment that the program gets besides the usual ones. */
  readonly env?: readonly string[] | undefined;
}

/**
 * Returns what the program wrote to stdout.
 *
 * @throws if it can't be started, exits with a code other than 0, is killed, or writes more than 1 MiB
 */
export function runProgram(
  command: string,
  args: readonly string[],
  { signal, env }: ProgramOptions,
): Promise<string> {
  return new Promise((resolve, reject) => {
    signal.throwIfAborted();
    const child = spawn(command, args, {
      stdio: ["ignore", "pipe", "pipe"],
      detached: true,
      env: programEnvironment(env),
    });
    const chunks: Buffer[] = [];
    let size = 0;
    let stderr = "";
    let failure: Error | undefined;
    const fail = (error: Error) => {
      failure ??= error;
      killGroup(child);
      // A process that has left the group may still have them open; "close" would wait for it.
      child.stdout.destroy();
      child.stderr.destroy();
    };
    const abort = () => fail(new Error(`${command} timed out`));
    signal.addEventListener("abort", abort, { once: true });
    child.stdout.on("data", (chunk: Buffer) => {
      size += chunk.length;
      if (size > MAX_OUTPUT) fail(new Error(`${command} wrote more than ${MAX_OUTPUT} bytes`));
      else chunks.push(chunk);
    });
    child.stderr.on("data", (chunk: Buffer) => {
      if (stderr.length < MAX_STDERR) stderr += chunk.toString();
    });
    child.once("error", (error) => {
      signal.removeEventListener("abort", abort);
      reject(new Error(`${command} failed to start: ${error.message}`));
    });
    child.once("close", (code, killedBy) => {
      signal.removeEventListener("abort", abort);
      if (failure === undefined && code === 0) resolve(Buffer.concat(chunks).toString());
      else reject(failure ?? new Error(describeEnd(command, code, killedBy, stderr)));
    });
  });
}

/** Kills the program and its descendants. */
export function killGroup(child: ChildProcess): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, "SIGKILL");
  } catch {
    // It has already exited.
  }
}

function describeEnd(command: string, code: number | null, killedBy: string | null, stderr: string): string {
  const end = killedBy === null ? `exited with code ${code}` : `was killed by ${killedBy}`;
  const firstLine = stderr.trim().split("\n")[0]?.slice(0, MAX_STDERR);
  return firstLine ? `${command} ${end}: ${firstLine}` : `${command} ${end}`;
}
