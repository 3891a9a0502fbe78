/**
 * What systemd is told of the agent: that it runs, that it is alive, that it ends (sd_notify(3)).
 *
 * Node can't send to a Unix datagram socket, and the libraries that can are compiled at installation, so that the
 * program systemd-notify does it: one short process every third of WatchdogSec. What ends or hangs the agent's own
 * loop of events ends that, and systemd restarts the agent.
 *
 * Started by anybody else, it does nothing.
 */
import { execFile } from "node:child_process";
import type { Log } from "../log.js";

export interface ServiceManager {
  /** The agent runs: from here on it is watched. */
  ready(): void;
  /** The agent ends. */
  ending(): void;
}

const PROGRAM_TIMEOUT_MS = 10_000;

export function serviceManager(env: NodeJS.ProcessEnv, log: Log): ServiceManager {
  if (!env.NOTIFY_SOCKET) return { ready: () => {}, ending: () => {} };
  let isToldOf = false;
  const tell = (state: string) => {
    execFile("systemd-notify", [state], { timeout: PROGRAM_TIMEOUT_MS }, (error) => {
      // Each time would be no news; what becomes of the agent, systemd decides.
      if (error !== null && !isToldOf)
        log.error({ reason: error.message }, "systemd can't be told that the agent runs");
      isToldOf = error !== null;
    });
  };
  return {
    ready: () => {
      tell("READY=1");
      const watchdogMs = watchdogInterval(env);
      if (watchdogMs !== undefined) setInterval(() => tell("WATCHDOG=1"), watchdogMs).unref();
    },
    ending: () => tell("STOPPING=1"),
  };
}

/** A third of the time after which systemd takes silence for a hang, where it watches this process. */
function watchdogInterval({ WATCHDOG_USEC, WATCHDOG_PID }: NodeJS.ProcessEnv): number | undefined {
  const isMeant = !WATCHDOG_PID || Number(WATCHDOG_PID) === process.pid;
  const microseconds = Number(WATCHDOG_USEC);
  return isMeant && microseconds > 0 ? microseconds / 3000 : undefined;
}
