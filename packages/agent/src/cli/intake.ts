/** `chouette intake`: a local stand-in for Datadog's intake, until SIGTERM or SIGINT. */
import { type Command, Option } from "commander";
import { loadConfig } from "../config/config.js";
import { type HostAndPort, hostAndPort, wholeNumber } from "../config/kinds.js";
import { type AnsweredRequest, startIntake } from "../intake/intake.js";
import { withResolvers } from "../runtime/promises.js";
import { argument } from "./argument.js";
import { endSignal } from "./end-signal.js";
import { displayOn } from "./intake-display.js";

interface IntakeFlags {
  readonly listen: HostAndPort;
  readonly apiKey?: string;
  readonly json?: boolean;
  readonly once?: number;
}

/** Next to Chouette's other ports, and not a port of the Datadog Agent. */
const DEFAULT_LISTEN: HostAndPort = { host: "127.0.0.1", port: 8128 };
/** Limits of what is kept in memory, for runs of days. */
const KEEP = { keepPoints: 100_000, keepLogs: 1000 };

const HELP = `
Accepts POST /api/v2/series (JSON and protobuf), /api/v1/series, /api/intake/metrics/v3/series, /api/beta/sketches,
/api/v2/logs, /api/v1/events and /api/v1/check_run, and GET /api/v1/validate. Requires a key, validates requests by
Datadog's documented limits and rules, answers as Datadog does, and shows the reason for each refusal. For one metric,
host, tag set and second it keeps the last point, as Datadog does. Nothing is forwarded.

To see what an agent would send:
  $ chouette intake
and in another terminal, with logs too:
  $ DATADOG_LOGS_URL=http://127.0.0.1:8128 DATADOG_URL=http://127.0.0.1:8128/api API_KEY=any chouette agent

With --json, each line is an object with an "event": listening, point, sketch, log, event, check,
refused, or summary.

Exit code: 0 after SIGTERM, SIGINT or --once, 1 if it can't listen, 2 if an option is invalid.`;

export function registerIntake(program: Command): void {
  program
    .command("intake")
    .description("run a local stand-in for Datadog's intake, and show what it receives")
    .addOption(
      new Option("--listen <host:port>", "address to listen on; port 0 takes any free port")
        .argParser(argument(hostAndPort("127.0.0.1:8128")))
        .default(DEFAULT_LISTEN, `${DEFAULT_LISTEN.host}:${DEFAULT_LISTEN.port}`),
    )
    .option("--api-key <key>", "the only key to accept (default: any)")
    .option("--json", "print JSON lines")
    .option("--once <points>", "exit after this number of points", argument(wholeNumber(1, 1e9, "points")))
    .addHelpText("after", HELP)
    .action((flags: IntakeFlags) => runIntake(flags));
}

async function runIntake({ listen, apiKey, json = false, once }: IntakeFlags): Promise<void> {
  const display = displayOn(process.stdout, json, firstPointsDue());
  const enough = withResolvers<void>();
  let left = once ?? Number.POSITIVE_INFINITY;
  const onRequest = (request: AnsweredRequest) => {
    display.request(request);
    for (const { points } of request.submission.series) left -= points.length;
    if (left <= 0) enough.resolve();
  };
  const intake = await startIntake({ ...listen, ...KEEP, apiKey, onRequest }).catch(reportListenError);
  if (intake === undefined) return;
  display.listening(intake, apiKey === undefined ? "any" : "'(the --api-key)'");
  await Promise.race([endSignal(), enough.promise]);
  await intake.close();
  display.ended(intake.counts());
}

/** From the settings in this environment, which may differ from the agent's. */
function firstPointsDue(): string {
  const loaded = loadConfig(process.env);
  if (!loaded.ok) return "";
  const { windows, settings } = loaded.config;
  const [latest, soonest] = [windows.maxAge + settings.releaseInterval, windows.maxAge + 1];
  return `First points are due at most ${latest} s after an agent's first record. With RELEASE_INTERVAL=1 it is ${soonest} s.`;
}

function reportListenError(error: Error): undefined {
  process.stderr.write(`can't listen on this address: ${error.message}; try another --listen.\n`);
  process.exitCode = 1;
}
