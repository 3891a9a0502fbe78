/** `chouette agent --once`: aggregates the closed windows, delivers all ready records, and exits. */
import { setTimeout as sleep } from "node:timers/promises";
import { type Agent, startAgent } from "../agent.js";
import { type Config, withSettings } from "../config/config.js";
import type { Log } from "../runtime/log.js";
import { count } from "../runtime/readable.js";
import { VERSION } from "../runtime/version.js";
import type { Status } from "../status/status.js";

/** After which it gives up: the remaining records stay in their queues. */
const TIMEOUT_MS = 120_000;
const LOOK_EVERY_MS = 200;
/** Seconds after which an aggregated window is delivered. */
const RELEASE_INTERVAL = 1;

/** Rejects if the agent can't start or stop. */
export async function runAgentOnce(given: Config, log: Log): Promise<void> {
  const config = withSettings(given, {
    ...given.settings,
    releaseInterval: RELEASE_INTERVAL,
    selfMetrics: false,
  });
  const agent = await startAgent(config, log);
  log.info(`agent ${VERSION} started to deliver what is due`);
  const failure = await untilDelivered(agent, config);
  await agent.stop();
  if (failure === undefined) log.info("everything that was due was delivered");
  else log.error(`not everything was delivered: ${failure}`);
  process.exitCode = failure === undefined ? 0 : 1;
}

/** Resolves with the reason if not everything could be delivered. */
async function untilDelivered(agent: Agent, config: Config): Promise<string | undefined> {
  const deadline = performance.now() + TIMEOUT_MS;
  for (;;) {
    const status = await agent.status();
    const pending = due(status, config);
    if (pending === 0) return undefined;
    const outage = status.outages.find(({ current }) => current !== undefined);
    if (outage?.current !== undefined) return `${outage.component} ${outage.state}: ${outage.current.reason}`;
    if (performance.now() > deadline)
      return pending === undefined ? "the store doesn't answer" : `${count(pending, "record")} left`;
    await sleep(LOOK_EVERY_MS);
  }
}

/** Number of records that could be processed now; undefined if the store doesn't answer. */
function due({ queues }: Status, { windows }: Config): number | undefined {
  const sizes = queues?.map(({ name, ledger, oldestAge = 0 }) => {
    if (name.endsWith(":rejected")) return 0;
    // Younger records are in a window that is still open.
    if (name.endsWith(":raw") && oldestAge <= windows.maxAge) return 0;
    return ledger.pending;
  });
  return sizes?.reduce((sum, size) => sum + size, 0);
}
