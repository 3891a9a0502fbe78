/**
 * A program that is kept running and writes a line now and then, of which the last counts.
 *
 * Promises: one process, started when a line is first wanted, and again when one is wanted after it ended;
 * a line that is too old is not given out. Anyone who wants one no more often than once a round starts the
 * program no more often than that.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { type Milliseconds, milliseconds, toSeconds } from "@chouette-iot/record";
import type { Clock } from "../runtime/clock.js";
import { killGroup } from "./program.js";
import { programEnvironment } from "./program-environment.js";

interface Line {
  readonly text: string;
  readonly at: Milliseconds;
}

/** A process, and what it wrote last or how it ended. */
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

  /** @param oldest the age from which a line is too old, and the program hung */
  constructor(command: string, args: readonly string[], oldest: Milliseconds) {
    this.#command = command;
    this.#args = args;
    this.#oldest = oldest;
  }

  /** The last line. Waits for the first one after a start, until the signal is aborted. Throws if the program can't be run, ended, or hangs. */
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
    // Its own group, as all programs that collectors run: a signal to the agent's is not one to it.
    const child = spawn(this.#command, this.#args, {
      stdio: ["ignore", "pipe", "ignore"],
      detached: true,
      env: programEnvironment(),
    });
    const { promise: first, resolve, reject } = withResolvers<Line>();
    const run: Run = { child, first };
    // Rejections are for anyone who waits; often nobody does.
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

function withResolvers<T>() {
  let resolve: (value: T) => void = () => {};
  let reject: (reason: Error) => void = () => {};
  const promise = new Promise<T>((resolvePromise, rejectPromise) => {
    resolve = resolvePromise;
    reject = rejectPromise;
  });
  return { promise, resolve, reject };
}

function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason);
    if (signal.aborted) return abort();
    signal.addEventListener("abort", abort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener("abort", abort));
  });
}
