/**
 * What systemd is told of the agent: that it runs, that it is alive, that it ends (sd_notify(3)).
 *
 * Node can't send to a Unix datagram socket, and the libraries that can are compiled at installation, so that the
 * program systemd-notify does it: one short process every third of WatchdogSec. Where the agent's loop of events, or
 * one of its loops on the store, hangs, that ends, and systemd restarts the agent.
 *
 * Started by anybody else, it does nothing.
 */
import { execFile } from "node:child_process";
import { programEnvironment } from "../collectors/program-environment.js";
import type { Log } from "../log.js";

export interface ServiceManager {
  /** The agent runs: from here on it is watched. */
  ready(): void;
  /** The agent ends. */
  ending(): void;
}

const PROGRAM_TIMEOUT_MS = 10_000;

/** @param hangs the agent's loops that have hung, in words */
export function serviceManager(
  env: NodeJS.ProcessEnv,
  log: Log,
  hangs: () => readonly string[],
): ServiceManager {
  if (!env.NOTIFY_SOCKET) return { ready: () => {}, ending: () => {} };
  let isToldOf = false;
  const tell = (state: string) => {
    execFile(
      "systemd-notify",
      [state],
      { env: programEnvironment(["NOTIFY_SOCKET", "WATCHDOG_PID"], env), timeout: PROGRAM_TIMEOUT_MS },
      (error) => {
        // Each time would be no news; what becomes of the agent, systemd decides.
        if (error !== null && !isToldOf)
          log.error({ reason: error.message }, "systemd can't be told that the agent runs");
        isToldOf = error !== null;
      },
    );
  };
  let isSaid = false;
  const tellIfAlive = () => {
    const hung = hangs();
    if (hung.length === 0) tell("WATCHDOG=1");
    else if (!isSaid)
      log.error({ hangs: hung }, "the agent hangs: systemd is no longer told that it is alive");
    isSaid = hung.length > 0;
  };
  return {
    ready: () => {
      tell("READY=1");
      const watchdogMs = watchdogInterval(env);
      if (watchdogMs !== undefined) setInterval(tellIfAlive, watchdogMs).unref();
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
