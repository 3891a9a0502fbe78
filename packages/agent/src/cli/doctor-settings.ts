/** The settings checks of `chouette doctor` and `chouette config --check`. */
import { statSync } from "node:fs";
import { messageOf } from "@chouette-iot/record";
import { collectorProblem } from "../collectors/open-collectors.js";
import type { Config } from "../config/config.js";
import { hostNameProblem } from "../config/host-name.js";
import { OUTPUTS } from "../config/outputs.js";
import { SETTINGS } from "../config/settings.js";
import { loadWrapper } from "../wrappers/load-wrapper.js";
import { type Finding, finding } from "./finding.js";

/** In seconds. */
const HOUR = 3_600;

/** Checks the settings, wrapper and collectors included, without starting anything. */
export async function checkSettings(config: Config): Promise<readonly Finding[]> {
  return [...findSettings(config), ...(await checkModules(config))];
}

function findSettings({ settings, sources, file, output, warnings }: Config): readonly Finding[] {
  const place = file === undefined ? "in the environment" : `in the environment and ${file}`;
  const found = sources.size === 0 ? "all defaults" : `${sources.size} set ${place}`;
  const findings = [finding("settings", "ok", found)];
  const warn = (problem: string, advice: string) =>
    findings.push(finding("settings", "warning", problem, advice));
  const hostName = hostNameProblem(settings);
  if (hostName !== undefined) warn(hostName, "set HOST to a name that is unique to this device");
  for (const warning of warnings) warn(warning, "correct the setting; `chouette config` lists all settings");
  if (OUTPUTS[output].isForPeople)
    warn(`nothing is sent to Datadog: ready metrics are printed to ${OUTPUTS[output].place}`, "set API_KEY");
  if (OUTPUTS[output].usesDatadogUrls && settings.historical === "unknown" && settings.metricTtl > HOUR)
    findings.push(
      finding(
        "history",
        "ok",
        "after an outage, points older than an hour are sent, too, whether Datadog ingests them or not",
        "enable Historical Metrics and set DATADOG_HISTORICAL=on, or set it to off to save their bytes",
      ),
    );
  if (file !== undefined && holdsSecret(sources) && (statSync(file).mode & 0o077) !== 0)
    warn(
      `${file} contains a secret and is readable by other users`,
      `chmod 600 ${file} and make the agent's user its owner`,
    );
  return findings;
}

function holdsSecret(sources: Config["sources"]): boolean {
  // The source of a setting is `FILE line N, KEY`, or a variable's name.
  return [...sources].some(([name, source]) => SETTINGS[name].secret && source.includes(" line "));
}

/** Checks that the wrapper and the collectors that the settings name can be loaded. */
async function checkModules({ settings }: Config): Promise<readonly Finding[]> {
  const wrapper = await loadWrapper(settings.wrapper, settings).then(() => undefined, messageOf);
  const names = [...new Set(settings.collectorPlugins)];
  const collectors = await Promise.all(names.map((name) => collectorProblem(name, settings)));
  const advice = "correct the name or path; a package must be installed next to the agent";
  return [wrapper, ...collectors]
    .filter((problem) => problem !== undefined)
    .map((problem) => finding("settings", "error", problem, advice));
}
