/**
 * A program that is kept running; its last line is read in each round.
 *
 * Promises: there is one process. It is started with the first call of `line`, and restarted with the next call after it
 * ended, so at most once a round. A line that is too old is never returned.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { type Milliseconds, milliseconds, toSeconds } from "@chouette-iot/record";
import type { Clock } from "../runtime/clock.js";
import { withResolvers } from "../runtime/promises.js";
import { killGroup } from "./program.js";
import { programEnvironment } from "./program-environment.js";

interface Line {
  readonly text: string;
  readonly at: Milliseconds;
}

/** A process, its last line, and how it ended. */
interface Run {
  readonly child: ChildProcess;
  /** Resolves with the first line, rejects if the process ends before it. */
  readonly first: Promise<Line>;
  last?: Line;
  end?: string;
}

export class RunningProgram {
  readonly #command: string;
  readonly #args: readonly string[];
  readonly #oldest: Milliseconds;
  #run: Run | undefined;

  /** @param oldest maximum age of a line; a program without a newer one has hung */
  constructor(command: string, args: readonly string[], oldest: Milliseconds) {
    this.#command = command;
    this.#args = args;
    this.#oldest = oldest;
  }

  /** The last line; after a start, waits for the first one. Rejects if the program can't be started, ends, or hangs. */
  async line(clock: Clock, signal: AbortSignal): Promise<string> {
    if (this.#run?.end !== undefined) this.#run = undefined;
    this.#run ??= this.#start(clock);
    const { first } = this.#run;
    const line = this.#run.last ?? (await unlessAborted(first, signal));
    const age = milliseconds(clock.monotonic() - line.at);
    if (age <= this.#oldest) return line.text;
    this.close();
    throw new Error(`${this.#command} wrote nothing for ${Math.round(toSeconds(age))} s and was killed`);
  }

  close(): void {
    if (this.#run === undefined) return;
    killGroup(this.#run.child);
    this.#run = undefined;
  }

  #start(clock: Clock): Run {
    // A separate process group, as for all programs of collectors: signals to the agent's group don't reach it.
    const child = spawn(this.#command, this.#args, {
      stdio: ["ignore", "pipe", "ignore"],
      detached: true,
      env: programEnvironment(),
    });
    const { promise: first, resolve, reject } = withResolvers<Line>();
    const run: Run = { child, first };
    // Often nobody waits for it.
    first.catch(() => {});
    const end = (reason: string) => {
      run.end = `${this.#command} ${reason}`;
      reject(new Error(run.end));
    };
    child.once("error", (error) => end(`failed to start: ${error.message}`));
    child.once("close", (code, killedBy) =>
      end(killedBy === null ? `exited with code ${code}` : `was killed by ${killedBy}`),
    );
    createInterface(child.stdout).on("line", (text) => {
      run.last = { text, at: clock.monotonic() };
      resolve(run.last);
    });
    return run;
  }
}

function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason);
    if (signal.aborted) return abort();
    signal.addEventListener("abort", abort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener("abort", abort));
  });
}
