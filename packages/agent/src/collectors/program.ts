/**
 * Running a program to its end and reading what it wrote.
 *
 * Promises: it never outlives the signal. The program runs in a process group of its own, which is killed as
 * a whole, so that what the program itself started doesn't stay behind. Output beyond a limit is an error, not memory.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { programEnvironment } from "./program-environment.js";

const MOST_OUTPUT = 1_048_576;
const LONGEST_COMPLAINT = 200;

export interface ProgramOptions {
  /** Ends the program when it is aborted. */
  readonly signal: AbortSignal;
  /** Variables of the agent's environment that the program gets besides the usual ones. */
  readonly env?: readonly string[] | undefined;
}

/**
 * What the program wrote to stdout.
 *
 * @throws where it can't be started, ended with another code than 0 or by a signal, or wrote more than 1 MiB
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
    let complaint = "";
    let failure: Error | undefined;
    const fail = (error: Error) => {
      failure ??= error;
      killGroup(child);
    };
    const abort = () => fail(new Error(`${command} was ended: it took too long`));
    signal.addEventListener("abort", abort, { once: true });
    child.stdout.on("data", (chunk: Buffer) => {
      size += chunk.length;
      if (size > MOST_OUTPUT) fail(new Error(`${command} wrote more than ${MOST_OUTPUT} bytes`));
      else chunks.push(chunk);
    });
    child.stderr.on("data", (chunk: Buffer) => {
      if (complaint.length < LONGEST_COMPLAINT) complaint += chunk.toString();
    });
    child.once("error", (error) => {
      signal.removeEventListener("abort", abort);
      reject(new Error(`${command} can't be run: ${error.message}`));
    });
    child.once("close", (code, killedBy) => {
      signal.removeEventListener("abort", abort);
      if (failure === undefined && code === 0) resolve(Buffer.concat(chunks).toString());
      else reject(failure ?? new Error(describeEnd(command, code, killedBy, complaint)));
    });
  });
}

/** Kills the program and all that it started. */
export function killGroup(child: ChildProcess): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, "SIGKILL");
  } catch {
    // It has ended already.
  }
}

function describeEnd(
  command: string,
  code: number | null,
  killedBy: string | null,
  complaint: string,
): string {
  const end = killedBy === null ? `with code ${code}` : `by ${killedBy}`;
  const said = complaint.trim().split("\n")[0]?.slice(0, LONGEST_COMPLAINT);
  return said ? `${command} ended ${end}: ${said}` : `${command} ended ${end}`;
}
