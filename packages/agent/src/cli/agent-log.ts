/** The log of an agent with these settings: on stderr if metrics are printed to stdout. */
import type { Config } from "../config/config.js";
import { OUTPUTS } from "../config/outputs.js";
import { createLog, type OwnLog } from "../runtime/log.js";

export function agentLog({ settings, output }: Config): OwnLog {
  return createLog(settings.logLevel, OUTPUTS[output].isForPeople ? "stderr" : "stdout");
}
