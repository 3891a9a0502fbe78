/** The results of `chouette doctor`. With `--json` they are printed unchanged. */
import { type Config, loadConfig } from "../config/config.js";
import { printable, printableDocument } from "../runtime/printable.js";
import { styled, terminalWidth, wrapped } from "./text-table.js";

export interface Finding {
  /** The part that was checked, such as `broker`. */
  readonly about: string;
  readonly verdict: "ok" | "warning" | "error";
  readonly found: string;
  /** What to do about it. */
  readonly advice: string | undefined;
}

const MARKS = {
  ok: ["ok     ", "green"],
  warning: ["warning", "yellow"],
  error: ["ERROR  ", "red"],
} as const satisfies Readonly<Record<Finding["verdict"], readonly [string, string]>>;
/** Indentation of the finding, after mark and subject. */
const INDENT = 19;

export function finding(about: string, verdict: Finding["verdict"], found: string, advice?: string): Finding {
  return { about, verdict, found, advice };
}

/**
 * Checks the settings of this environment, prints the findings, and sets the exit code: 1 for an error, 2 for an invalid
 * setting, else 0.
 *
 * @param onlyProblems whether to leave out what is ok, unless everything is; not in JSON
 */
export async function printFindings(
  check: (config: Config) => Promise<readonly Finding[]>,
  { json = false, onlyProblems = false }: { readonly json?: boolean; readonly onlyProblems?: boolean },
): Promise<void> {
  const loaded = loadConfig(process.env);
  const findings = loaded.ok ? await check(loaded.config) : loaded.problems.map(invalidSetting);
  const problems = findings.filter(({ verdict }) => verdict !== "ok");
  const shown = onlyProblems && problems.length > 0 ? problems : findings;
  process.stdout.write(json ? printableDocument(findings) : shown.map(formatFinding).join(""));
  const hasErrors = findings.some(({ verdict }) => verdict === "error");
  process.exitCode = loaded.ok ? Number(hasErrors) : 2;
}

function invalidSetting(problem: string): Finding {
  return finding(
    "settings",
    "error",
    problem,
    "correct the setting; docs/CONFIGURATION.md lists all settings",
  );
}

/** In lines that fit the terminal. */
function formatFinding({ about, verdict, found, advice }: Finding): string {
  const [mark, color] = MARKS[verdict];
  const lines = [`${mark}  ${about.padEnd(8)}  ${printable(found)}`];
  if (advice !== undefined) lines.push(`${" ".repeat(INDENT)}-> ${printable(advice)}`);
  const text = lines.map((line) => `${wrapped(line, terminalWidth(), INDENT)}\n`).join("");
  return styled(color, mark) + text.slice(mark.length);
}
