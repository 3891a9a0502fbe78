/** docs/CONFIGURATION.md, made of the table of settings. */
import { inWords } from "./in-words.js";
import { fileKey, type Setting } from "./setting.js";
import { SECTIONS, type Section } from "./settings.js";
import { FILE_VARIABLE, LOOKED_FOR } from "./settings-file.js";

const HEAD = `<!-- Made of the table of settings by \`npm run generate\`. -->

# Settings

A setting is an environment variable or a line of a settings file. The environment goes before the file, the file
before the default. What is set to nothing is not set.

The file is the one that \`${FILE_VARIABLE}\` names; without it, the first of ${LOOKED_FOR.map((path) => `\`${path}\``).join(" and ")} that is there.
It is YAML, with the keys of the tables below:

\`\`\`yaml
# yaml-language-server: $schema=node_modules/chouette-iot/chouette.schema.json
redis_host: localhost
global_tags: [zone:a, env:prod]
release_interval: 60
\`\`\`

Editors that know JSON Schema check it against \`chouette.schema.json\`, which is in the package. A key that is no
setting is an error. The agent names all that is wrong at once, each with where it came from, and ends with exit
code 2. \`chouette config\` shows what is in force and where each value comes from. Secrets are shown nowhere.

A file with an API key in it should be readable by the agent's user alone: \`chmod 600\`.

## Reload

On SIGHUP the agent reads the file again. (A process's environment can't be changed from outside.) Where something
is wrong it says so and goes on as before. What has changed holds from then on, without a record lost; what is marked
"Read at start" below is named in the log and holds from the next start.
`;

export function configurationPage(): string {
  return [HEAD, ...SECTIONS.map(sectionText)].join("\n");
}

function sectionText({ title, settings }: Section): string {
  const rows = Object.values(settings).map(row);
  const heading = "| environment | file | takes | default | what it is |\n| --- | --- | --- | --- | --- |\n";
  return `## ${title}\n\n${heading}${rows.join("")}`;
}

function row(setting: Setting<unknown, unknown>): string {
  const { names, about, expected, fallback, fallbackInWords, secret, startOnly } = setting;
  const byDefault = fallbackInWords ?? (fallback === undefined ? "" : `\`${inWords(fallback)}\``);
  const notes = [`${about}.`, ...(secret ? ["A secret."] : []), ...(startOnly ? ["Read at start."] : [])];
  const cells = [
    names.map((name) => `\`${name}\``).join(", "),
    `\`${fileKey(setting)}\``,
    expected,
    byDefault,
    notes.join(" "),
  ];
  return `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |\n`;
}
