/** `chouette agent`: runs the agent until SIGTERM or SIGINT. */
import type { Command } from "commander";
import { type Agent, startAgent } from "../agent.js";
import { type Config, loadConfig } from "../config/config.js";
import { currentHostName, hostNameProblem } from "../config/host-name.js";
import { reload } from "../config/reload.js";
import { createLog, type Log, levelOf, type OwnLog } from "../log.js";
import { withoutUserinfo } from "../redact.js";
import { endSignal } from "./end-signal.js";
import { exposures } from "./exposure.js";
import { serviceManager } from "./service-manager.js";
import { settingsOrExitCode } from "./settings.js";

const HELP = `
Programs hand their records to a Redis server, or to the agent itself, which then answers on
CHOUETTE_LISTEN as a Redis server would and keeps them in CHOUETTE_DATA_DIR. Which of the two it
is follows from REDIS_HOST and REDIS_URL, or CHOUETTE_STORAGE_TYPE.

Without an API_KEY, ready metrics are printed to stdout instead of being sent.
What the agent holds when it ends, by whatever end, is there at the next start.

On SIGHUP it reads chouette.yaml again and goes on with what has changed.

Exit code: 0 after SIGTERM or SIGINT, 1 if it could not start, 2 if a setting is wrong.`;

/** The agent's end waits this long for what is under way, and leaves it to the next start after that. */
const LONGEST_END_MS = 10_000;

export function registerAgent(program: Command): void {
  program
    .command("agent")
    .description("run the agent")
    .addHelpText("after", HELP)
    .action(async () => {
      const config = settingsOrExitCode();
      if (config !== undefined) await runAgent(config);
    });
}

async function runAgent(config: Config): Promise<void> {
  const log = createLog(config.settings.logLevel);
  try {
    const agent = await startAgent(config, log);
    reloadOnHangup(agent, config, log);
    // Before the start is announced: whoever reads that may end it at once.
    const signalled = endSignal();
    announce(config, log);
    await warnOfExposures(config, log);
    const manager = serviceManager(process.env, log, agent.hangs);
    manager.ready();
    const signal = await signalled;
    manager.ending();
    log.info({ signal }, "ending");
    const overdue = setTimeout(() => {
      log.warn("what was under way did not end in time; it is in its queue");
      process.exit();
    }, LONGEST_END_MS);
    await agent.stop();
    clearTimeout(overdue);
  } catch (error) {
    log.error({ reason: error instanceof Error ? error.message : String(error) }, "the agent can't run");
    process.exitCode = 1;
  }
}

/** On each SIGHUP, one after the other: the settings anew where they are right, and what holds only from the next start. */
function reloadOnHangup(agent: Agent, atStart: Config, log: OwnLog): void {
  let current = atStart;
  const reloadOnce = async () => {
    const loaded = loadConfig(process.env);
    if (!loaded.ok) {
      log.error({ problems: loaded.problems }, "the settings are wrong: going on with those from before");
      return;
    }
    const { config, changed, atNextStart } = reload(current, loaded.config);
    if (atNextStart.length > 0) log.warn({ settings: atNextStart }, "these hold from the next start");
    log.level = levelOf(config.settings.logLevel);
    if (changed.length > 0) await agent.reload(config);
    current = config;
    if (changed.length > 0) await warnOfExposures(config, log);
    log.info({ settings: changed }, changed.length > 0 ? "settings reloaded" : "no setting has changed");
  };
  let last = Promise.resolve();
  process.on("SIGHUP", () => {
    last = last.then(reloadOnce).catch((error) => log.error({ err: error }, "the reload failed"));
  });
}

async function warnOfExposures(config: Config, log: Log): Promise<void> {
  for (const { found, advice } of await exposures(config)) log.warn({ advice }, found);
}

function announce({ storage, output, datadogUrl, settings, sources, warnings }: Config, log: Log): void {
  const { listen, dataDirectory } = settings;
  const broker =
    storage === "redis"
      ? { broker: "redis" }
      : { broker: "embedded", listen: `${listen.host}:${listen.port}`, data: dataDirectory };
  log.info(
    {
      ...broker,
      output,
      ...(output === "datadog" ? { datadog: withoutUserinfo(datadogUrl) } : {}),
      host: currentHostName(settings),
    },
    "the agent runs",
  );
  const problem = hostNameProblem(settings);
  if (problem !== undefined) log.warn(`${problem}: set HOST`);
  for (const warning of warnings) log.warn({ setting: warning }, "part of a setting is ignored");
  if (output === "stdout" && !sources.has("output")) {
    log.warn("no API_KEY is set: ready metrics are printed to stdout, and nothing is sent");
  }
}
