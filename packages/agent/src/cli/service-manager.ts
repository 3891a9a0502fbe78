/**
 * Notifies systemd that the agent is starting, ready, alive and stopping (sd_notify(3)).
 *
 * Node can't send to a Unix datagram socket, and the libraries that can need a compiler at installation. So it runs
 * systemd-notify, one short process every third of WatchdogSec. If the event loop or one of the agent's loops hangs,
 * the notifications stop and systemd restarts the agent.
 *
 * Without systemd it does nothing.
 */
import { execFile } from "node:child_process";
import { programEnvironment } from "../collectors/program-environment.js";
import type { Log } from "../runtime/log.js";

interface ServiceManager {
  /** The start takes longer: asks systemd to extend its TimeoutStartSec. */
  starting(): void;
  /**
   * The agent is ready: the watchdog starts.
   * @param stalled a sentence for each loop that has hung
   */
  ready(stalled: () => readonly string[]): void;
  /** The agent is stopping. */
  stopping(): void;
}

const PROGRAM_TIMEOUT_MS = 10_000;

/** Extension of the start's time limit, in microseconds. */
const EXTENSION_US = 60_000_000;
/** Minimum time before and between extensions, in milliseconds. */
const EXTEND_EVERY_MS = 5_000;

export function serviceManager(
  env: NodeJS.ProcessEnv,
  log: Log,
  extendEveryMs = EXTEND_EVERY_MS,
): ServiceManager {
  if (!env.NOTIFY_SOCKET) return { starting: () => {}, ready: () => {}, stopping: () => {} };
  let extendAt = performance.now() + extendEveryMs;
  let hasFailed = false;
  const notify = (state: string) => {
    execFile(
      "systemd-notify",
      [state],
      { env: programEnvironment(["NOTIFY_SOCKET", "WATCHDOG_PID"], env), timeout: PROGRAM_TIMEOUT_MS },
      (error) => {
        // Log only the first failure.
        if (error !== null && !hasFailed)
          log.error({ reason: error.message }, `systemd-notify failed: ${error.message}`);
        hasFailed = error !== null;
      },
    );
  };
  let isLogged = false;
  const notifyIfAlive = (stalled: () => readonly string[]) => {
    const loops = stalled();
    if (loops.length === 0) notify("WATCHDOG=1");
    else if (!isLogged)
      log.error({ stalled: loops }, "agent has hung: no more watchdog notifications to systemd");
    isLogged = loops.length > 0;
  };
  return {
    starting: () => {
      if (performance.now() < extendAt) return;
      extendAt = performance.now() + extendEveryMs;
      notify(`EXTEND_TIMEOUT_USEC=${EXTENSION_US}`);
    },
    ready: (stalled) => {
      notify("READY=1");
      const watchdogMs = watchdogInterval(env);
      if (watchdogMs !== undefined) setInterval(notifyIfAlive, watchdogMs, stalled).unref();
    },
    stopping: () => notify("STOPPING=1"),
  };
}

/** A third of systemd's watchdog timeout, in milliseconds; undefined if it doesn't watch this process. */
function watchdogInterval({ WATCHDOG_USEC, WATCHDOG_PID }: NodeJS.ProcessEnv): number | undefined {
  const isForUs = !WATCHDOG_PID || Number(WATCHDOG_PID) === process.pid;
  const microseconds = Number(WATCHDOG_USEC);
  return isForUs && microseconds > 0 ? microseconds / 3000 : undefined;
}
