/**
 * The built agent on a clock that its parent process moves. Time stands still while any of the agent's loops is
 * working, so that hours pass in seconds and no work is skipped.
 *
 * Settings come from the environment. The parent sends the time to move to, in milliseconds since the epoch, and gets
 * it back once the agent has done everything that was due by then.
 */

import { syncBuiltinESMExports } from "node:module";
import os from "node:os";
import { startAgent } from "../../packages/agent/dist/agent.js";
import { loadConfig } from "../../packages/agent/dist/config/config.js";
import { createLog } from "../../packages/agent/dist/runtime/log.js";

const start = Number(process.env.STEPPED_START);
/** All loops have started once none has begun or ended a sleep for this many real milliseconds. */
const SETTLED_MS = 1_000;

let passed = 0;
const sleepers = new Set();
let onSleep = () => {};

const clock = {
  now: () => start + passed,
  monotonic: () => passed,
  sleep: (duration, signal) =>
    new Promise((resolve) => {
      if (signal?.aborted) return resolve();
      const wake = () => {
        sleepers.delete(sleeper);
        signal?.removeEventListener("abort", wake);
        resolve();
      };
      const sleeper = { at: passed + duration, wake };
      sleepers.add(sleeper);
      signal?.addEventListener("abort", wake);
      onSleep();
    }),
};

// The agent tells a clock that was set from one that runs by the time since boot: that goes by this clock, too.
os.uptime = () => 1_000 + passed / 1000;
syncBuiltinESMExports();

/** Resolves when this many loops sleep. */
function allAsleep(loops) {
  return new Promise((resolve) => {
    onSleep = () => {
      if (sleepers.size >= loops) setImmediate(() => sleepers.size >= loops && resolve());
    };
    onSleep();
  });
}

/** How many loops the agent has: as many as sleep once it has settled. */
function countLoops() {
  return new Promise((resolve) => {
    let settled;
    onSleep = () => {
      clearTimeout(settled);
      settled = setTimeout(() => resolve(sleepers.size), SETTLED_MS);
    };
    onSleep();
  });
}

async function moveTo(time, loops) {
  for (;;) {
    const [next] = [...sleepers].sort((a, b) => a.at - b.at);
    if (next === undefined || start + next.at > time) break;
    passed = Math.max(passed, next.at);
    next.wake();
    await allAsleep(loops);
  }
  passed = time - start;
}

const { ok, config, problems } = loadConfig(process.env);
if (!ok) throw new Error(problems.join("\n"));
const agent = await startAgent(config, createLog("warn"), clock);
const loops = await countLoops();
process.on("message", async (time) => {
  await moveTo(time, loops);
  process.send(time);
});
process.on("SIGTERM", async () => {
  await agent.stop();
  process.exit(0);
});
process.send(start);
