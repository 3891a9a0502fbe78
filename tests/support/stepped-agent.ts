/** The built agent as a separate process whose time a test moves; see tests/chaos/stepped-agent.mjs. */
import { fork } from "node:child_process";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import type { AgentSettings } from "./agent-process.js";

export interface SteppedAgent {
  /**
   * Moves to this time, in milliseconds since the epoch, and resolves when the agent has done everything due by then.
   */
  moveTo(time: number): Promise<void>;
  /** Peak memory of the process in bytes (VmHWM). */
  peakMemory(): Promise<number>;
  stop(): Promise<void>;
}

const program = fileURLToPath(new URL("../chaos/stepped-agent.mjs", import.meta.url));

/** The heap that the command and the files in deploy/ set, which the agent's own code doesn't. */
const smallHeap = fileURLToPath(new URL("../../packages/agent/bin/small-heap.js", import.meta.url));
const HEAP = ["--import", smallHeap, "--max-semi-space-size=4"];

/** @param start the time that it starts at, in milliseconds since the epoch */
export async function startSteppedAgent(start: number, settings: AgentSettings): Promise<SteppedAgent> {
  const { PATH } = process.env;
  const child = fork(program, { env: { PATH, STEPPED_START: `${start}`, ...settings }, execArgv: HEAP });
  let hasEnded = false;
  const ended = new Promise<never>((_, reject) => {
    child.once("exit", (code, signal) => {
      hasEnded = true;
      reject(new Error(`the agent has ended with ${code ?? signal}`));
    });
  });
  ended.catch(() => {});
  await Promise.race([once(child, "message"), ended]);
  return {
    moveTo: async (time) => {
      const done = once(child, "message");
      child.send(time);
      await Promise.race([done, ended]);
    },
    peakMemory: async () => {
      const status = await readFile(`/proc/${child.pid}/status`, "utf8");
      return Number(/VmHWM:\s+(\d+) kB/.exec(status)?.[1]) * 1024;
    },
    stop: async () => {
      child.kill("SIGTERM");
      if (!hasEnded) await once(child, "exit");
    },
  };
}
