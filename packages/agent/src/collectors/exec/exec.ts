/**
 * The exec collector: runs a program of the user once a round and reads metrics from its output.
 *
 * The program is started without a shell, and without the agent's settings in its environment
 * (`program-environment.ts`). Its children are killed with it (`program.ts`).
 */
import { seconds, toMilliseconds } from "@chouette-iot/record";
import type { Collector } from "../collector.js";
import type { CollectorDescription } from "../description.js";
import { runProgram } from "../program.js";
import { parseOutput } from "./program-output.js";

export const description: CollectorDescription = {
  name: "exec",
  sees: "Output of your own programs. Each entry of `EXEC_COLLECTORS` is a separate collector with that name.",
  reads:
    "The program's standard output. A line is `name:value|type|#tag:value,tag:value`, with `g` (gauge), `c` (count) or `r` " +
    '(rate) as its type, or a JSON object `{"name":…,"value":…,"type":"gauge","tags":{…}}`; the whole output may also be a ' +
    "JSON list of such objects. Empty lines and lines that begin with `# ` are ignored.",
  needs:
    "The program. After its `timeout` (seconds) or the round's deadline, it is killed with all its children. From the agent's " +
    'environment it gets `PATH`, `HOME`, the locale and similar variables, and those that its `env` names: `"env":["UPS_HOST"]`.',
  costs: "One process per round.",
  settings: ["execCollectors"],
  metrics: [],
};

export interface Program {
  readonly name: string;
  readonly command: readonly [string, ...string[]];
  /** Seconds. */
  readonly timeout?: number | undefined;
  /** Names of variables of the agent's environment that the program needs. */
  readonly env?: readonly string[] | undefined;
}

export function exec({ name, command: [command, ...args], timeout, env }: Program): Collector {
  return {
    name,
    subject: command,
    collect: async ({ clock, signal, report }) => {
      const ended = new AbortController();
      const ownSignal = AbortSignal.any([signal, ended.signal]);
      const settled = new AbortController();
      if (timeout !== undefined) {
        clock.sleep(toMilliseconds(seconds(timeout)), settled.signal).then(() => {
          if (!settled.signal.aborted) ended.abort();
        });
      }
      try {
        const output = await runProgram(command, args, { signal: ownSignal, env });
        const { metrics, faults } = parseOutput(output);
        for (const fault of faults) report(fault);
        return metrics;
      } finally {
        settled.abort();
      }
    },
  };
}
