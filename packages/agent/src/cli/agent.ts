/** `chouette agent`: runs the agent until SIGTERM or SIGINT. */
import { messageOf } from "@chouette-iot/record";
import type { Command } from "commander";
import { type Agent, startAgent } from "../agent.js";
import { type Config, loadConfig } from "../config/config.js";
import { currentHostName, hostNameProblem } from "../config/host-name.js";
import { OUTPUTS } from "../config/outputs.js";
import { reload } from "../config/reload.js";
import { shownAddress } from "../runtime/address.js";
import { createLog, type Log, levelOf, type OwnLog } from "../runtime/log.js";
import { OneAtATime } from "../runtime/promises.js";
import { withoutUserinfo } from "../runtime/redact.js";
import { VERSION } from "../runtime/version.js";
import { runAgentOnce } from "./agent-once.js";
import { endSignal } from "./end-signal.js";
import { exposures } from "./exposure.js";
import { serviceManager } from "./service-manager.js";
import { settingsOrExitCode } from "./settings-or-exit-code.js";

const HELP = `
Programs store their records in a Redis server, or in the agent itself: it then answers Redis commands on
CHOUETTE_LISTEN and keeps the records in CHOUETTE_DATA_DIR. REDIS_HOST, REDIS_URL, REDIS_SENTINELS or
CHOUETTE_STORAGE_TYPE select which.

Without an API_KEY, ready metrics are printed to stdout instead of being sent.
The queues are kept for the next start, however the agent stops.

On SIGHUP it reloads chouette.yaml and applies the changes.

Exit code: 0 after SIGTERM or SIGINT, 1 if it can't start or run, or --once couldn't deliver everything; 2 if a
setting is invalid.`;

/** How long a shutdown waits for unfinished work; after that it stays queued for the next start. */
const SHUTDOWN_TIMEOUT_MS = 10_000;

export function registerAgent(program: Command): void {
  program
    .command("agent")
    .description("run the agent")
    .option("--once", "deliver what is due and exit, for a device that is awake now and then")
    .addHelpText("after", HELP)
    .action(async ({ once }: { readonly once?: boolean }) => {
      const config = settingsOrExitCode();
      if (config === undefined) return;
      const log = createLog(
        config.settings.logLevel,
        OUTPUTS[config.output].isForPeople ? "stderr" : "stdout",
      );
      try {
        await (once ? runAgentOnce(config, log) : runAgent(config, log));
      } catch (error) {
        log.error({ reason: messageOf(error) }, `agent failed: ${messageOf(error)}`);
        process.exitCode = 1;
      }
    });
}

async function runAgent(config: Config, log: OwnLog): Promise<void> {
  const manager = serviceManager(process.env, log);
  const agent = await startAgent(config, log, undefined, manager.starting);
  reloadOnHangup(agent, config, log);
  // Before the start is logged: its reader may send a signal immediately.
  const signalled = endSignal();
  announce(config, log);
  await warnOfExposures(config, log);
  manager.ready(agent.stalled);
  void agent.warmUp();
  const signal = await signalled;
  manager.stopping();
  log.info({ signal }, `shutting down (${signal})`);
  const overdue = setTimeout(() => {
    log.warn("shutdown timed out; unfinished work stays queued");
    process.exit();
  }, SHUTDOWN_TIMEOUT_MS);
  await agent.stop();
  clearTimeout(overdue);
}

/** Reloads the settings on each SIGHUP, one reload at a time. Invalid settings change nothing. */
function reloadOnHangup(agent: Agent, atStart: Config, log: OwnLog): void {
  let current = atStart;
  const reloadOnce = async () => {
    const loaded = loadConfig(process.env);
    if (!loaded.ok) {
      log.error({ problems: loaded.problems }, "settings not reloaded: they are invalid");
      return;
    }
    const { config, changed, afterRestart } = reload(current, loaded.config);
    if (afterRestart.length > 0)
      log.warn({ settings: afterRestart }, "settings changed that take effect after a restart");
    log.level = levelOf(config.settings.logLevel);
    if (changed.length > 0 && !(await agent.reload(config))) return;
    current = config;
    if (changed.length > 0) await warnOfExposures(config, log);
    log.info(
      { settings: changed },
      changed.length > 0 ? "settings reloaded" : "settings reloaded: none changed",
    );
  };
  const reloads = new OneAtATime();
  process.on("SIGHUP", () => {
    reloads.run(reloadOnce).catch((error) => log.error({ err: error }, "reload failed"));
  });
}

async function warnOfExposures(config: Config, log: Log): Promise<void> {
  for (const { found, advice } of await exposures(config)) log.warn({ advice }, found);
}

function announce({ storage, output, datadogUrl, settings, sources, warnings }: Config, log: Log): void {
  const { listen, dataDirectory, gatewayUrl } = settings;
  const broker =
    storage === "redis"
      ? { broker: "redis" }
      : { broker: "embedded", listen: shownAddress(listen), data: dataDirectory };
  log.info(
    {
      ...broker,
      output,
      ...(OUTPUTS[output].usesDatadogUrls ? { datadog: withoutUserinfo(datadogUrl) } : {}),
      ...(output === "gateway" && gatewayUrl !== undefined ? { gateway: new URL(gatewayUrl).host } : {}),
      host: currentHostName(settings),
    },
    `agent ${VERSION} started`,
  );
  const problem = hostNameProblem(settings);
  if (problem !== undefined) log.warn(`${problem}: set HOST`);
  for (const warning of warnings) log.warn(warning);
  if (OUTPUTS[output].isForPeople && !sources.has("output")) {
    log.warn(`API_KEY is not set: ready metrics are printed to ${OUTPUTS[output].place} and not sent`);
  }
}
