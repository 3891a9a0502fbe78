/** The log of an agent with these settings: metrics that are printed have stdout to themselves. */
import type { Config } from "../config/config.js";
import { OUTPUTS } from "../config/outputs.js";
import { createLog, type OwnLog } from "../runtime/log.js";

export function agentLog({ settings, output }: Config): OwnLog {
  return createLog(settings.logLevel, OUTPUTS[output].isForPeople ? "stderr" : "stdout");
}
