/** Generates docs/CONFIGURATION.md from the table of settings. */
import { formatValue } from "./format-value.js";
import { fileKey, type Setting } from "./setting.js";
import { SECTIONS, type Section } from "./settings.js";
import { DEFAULT_PATHS, FILE_VARIABLE } from "./settings-file.js";

const HEAD = `<!-- Generated from the table of settings by \`npm run generate\`. -->

# Settings

A setting is an environment variable or a line of a settings file. The environment takes precedence over the file. An empty
value counts as unset.

The file is the one that \`${FILE_VARIABLE}\` names; without it, the first of ${DEFAULT_PATHS.map((path) => `\`${path}\``).join(" and ")} that exists.
It is YAML, with the keys of the tables below:

\`\`\`yaml
# yaml-language-server: $schema=node_modules/chouette-iot/chouette.schema.json
redis_host: localhost
global_tags: [zone:a, env:prod]
release_interval: 60
\`\`\`

Editors that support JSON Schema check it against \`chouette.schema.json\`, which is in the package. An unknown key is an
error. The agent reports all wrong settings together, each with its source, and exits with code 2. \`chouette config\` shows the current
values and their sources. Secrets are never shown.

A file with an API key in it should be readable only by the agent's user: \`chmod 600\`.

## Reload

On SIGHUP, the agent reads the file again. (A process's environment can't be changed from outside.) If there is an error,
the agent logs it and keeps the previous settings. Otherwise the changes are applied without losing a record. Settings marked "Read at
start" are named in the log and take effect after a restart.
`;

export function configurationPage(): string {
  return [HEAD, ...SECTIONS.map(sectionText)].join("\n");
}

function sectionText({ title, settings }: Section): string {
  const rows = Object.values(settings).map(row);
  const heading = "| environment | file | values | default | purpose |\n| --- | --- | --- | --- | --- |\n";
  return `## ${title}\n\n${heading}${rows.join("")}`;
}

function row(setting: Setting<unknown, unknown>): string {
  const { names, about, expected, default: value, defaultText, secret, requiresRestart } = setting;
  const byDefault = defaultText ?? (value === undefined ? "" : `\`${formatValue(value)}\``);
  const notes = [
    `${about}.`,
    ...(secret ? ["A secret."] : []),
    ...(requiresRestart ? ["Read at start."] : []),
  ];
  const cells = [
    names.map((name) => `\`${name}\``).join(", "),
    `\`${fileKey(setting)}\``,
    expected,
    byDefault,
    notes.join(" "),
  ];
  return `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |\n`;
}
