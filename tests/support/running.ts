/** A child process of a test: keeps its output, and waits for its end. */
import { type ChildProcess, spawn } from "node:child_process";
import { until } from "./until.js";

export interface Running {
  readonly child: ChildProcess;
  /** Its stdout and stderr so far. */
  output(): string;
  /** Resolves when it has written this. */
  wrote(text: string | RegExp, deadlineMs?: number): Promise<void>;
  /** Sends the signal and resolves when it has ended, with its exit code or the signal that ended it. */
  end(signal?: NodeJS.Signals): Promise<number | NodeJS.Signals>;
  /** Resolves when it has ended by itself. */
  readonly ended: Promise<number | NodeJS.Signals>;
}

export interface RunOptions {
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly cwd?: string;
}

export function run(command: string, args: readonly string[], { env, cwd }: RunOptions = {}): Running {
  const child = spawn(command, args, {
    env: { ...process.env, ...env },
    cwd,
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  const keep = (chunk: Buffer) => {
    output += chunk.toString();
  };
  child.stdout?.on("data", keep);
  child.stderr?.on("data", keep);
  const ended = new Promise<number | NodeJS.Signals>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code, signal) => resolve(signal ?? code ?? 0));
  });
  // An unhandled rejection would end the test run; awaiting `ended` still rejects.
  ended.catch(() => {});
  const matches = (text: string | RegExp) =>
    typeof text === "string" ? output.includes(text) : text.test(output);
  return {
    child,
    output: () => output,
    ended,
    wrote: async (text, deadlineMs) => {
      await until(`${command} to write ${text}; it wrote:\n${output}`, () => matches(text), deadlineMs).catch(
        (error) => {
          throw new Error(`${error.message}\nIn all it wrote:\n${output}`);
        },
      );
    },
    end: (signal = "SIGTERM") => {
      child.kill(signal);
      return ended;
    },
  };
}
