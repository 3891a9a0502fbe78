/**
 * The settings file, `chouette.yaml`: where it is searched for and how it is parsed.
 *
 * Promises: all errors are reported together, each with its line. Each value is returned as the text that an
 * environment variable would have, so the same rules apply to both.
 */

import { readFileSync } from "node:fs";
import { messageOf } from "@chouette-iot/record";
import leven from "leven";
import { isCollection, isMap, isScalar, LineCounter, type Node, type Pair, parseDocument } from "yaml";
import { fileKey, type Setting } from "./setting.js";

export interface FileEntry {
  /** As in an environment variable. */
  readonly text: string;
  /** Whether it is a list or an object; most settings can't be. */
  readonly isCollection: boolean;
  readonly line: number;
}

export interface SettingsFile {
  /** As named or found. */
  readonly path: string;
  readonly entries: ReadonlyMap<string, FileEntry>;
  /** One line for each error. */
  readonly problems: readonly string[];
  /** One line for each ignored value. */
  readonly warnings: readonly string[];
}

/** Names the file; without it, the first existing one of {@link DEFAULT_PATHS} is read. */
export const FILE_VARIABLE = "CHOUETTE_CONFIG";
export const DEFAULT_PATHS = ["chouette.yaml", "/etc/chouette/chouette.yaml"] as const;
/** Edit distance up to which an unknown name counts as misspelled. */
const MAX_TYPO_DISTANCE = 3;

/**
 * The settings file; undefined if there is none and none was named.
 *
 * @param replaced keys of former versions, with their successors
 */
export function findSettingsFile(
  named: string | undefined,
  settings: readonly Setting<unknown, unknown>[],
  replaced: ReadonlyMap<string, string> = new Map(),
): SettingsFile | undefined {
  const path = named?.trim();
  for (const candidate of path ? [path] : DEFAULT_PATHS) {
    try {
      return parseSettingsFile(candidate, readFileSync(candidate, "utf8"), settings, replaced);
    } catch (error) {
      if (!path && (error as NodeJS.ErrnoException).code === "ENOENT") continue;
      const reason = messageOf(error);
      const problem = `${path ? FILE_VARIABLE : candidate}: can't read the file: ${reason}`;
      return { path: candidate, entries: new Map(), problems: [problem], warnings: [] };
    }
  }
  return undefined;
}

export function parseSettingsFile(
  path: string,
  text: string,
  settings: readonly Setting<unknown, unknown>[],
  replaced: ReadonlyMap<string, string> = new Map(),
): SettingsFile {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines });
  const lineAt = (offset: number) => lines.linePos(offset).line;
  const problems = document.errors.map(
    ({ message, pos }) => `${path} line ${lineAt(pos[0])}: ${firstLine(message)}`,
  );
  const entries = new Map<string, FileEntry>();
  const warnings: string[] = [];
  const root = document.contents;
  if (problems.length > 0 || root === null || isNull(root)) return { path, entries, problems, warnings };
  if (!isMap(root)) {
    return { path, entries, problems: [`${path}: expected lines of "name: value"`], warnings };
  }
  const known = new Map(settings.map((setting) => [fileKey(setting), setting]));
  for (const { key, value } of root.items as readonly Pair<Node, Node | null>[]) {
    const line = lineAt(key.range?.[0] ?? 0);
    const name = isScalar(key) ? String(key.value) : key.toString();
    const successor = replaced.get(name);
    if (successor !== undefined) warnings.push(`${path} line ${line}, ${name}: ignored; use ${successor}`);
    else if (!known.has(name)) problems.push(`${path} line ${line}: ${unknownKey(name, known)}`);
    else if (value !== null && !isNull(value))
      entries.set(name, { text: asText(value), isCollection: isCollection(value), line });
  }
  return { path, entries, problems, warnings };
}

function unknownKey(name: string, known: ReadonlyMap<string, Setting<unknown, unknown>>): string {
  for (const [key, { names }] of known) {
    if (names.includes(name.toUpperCase()))
      return `unknown setting ${JSON.stringify(name)}: in the file it is called ${key}`;
  }
  return unknownSetting(JSON.stringify(name), known.keys(), name);
}

/** The message about an unknown setting, with the name that was probably meant. */
export function unknownSetting(shown: string, known: Iterable<string>, name: string = shown): string {
  const nearest = [...known].sort((a, b) => leven(name, a) - leven(name, b))[0] ?? "";
  const hint = leven(name, nearest) <= MAX_TYPO_DISTANCE ? `: did you mean ${nearest}?` : "";
  return `unknown setting ${shown}${hint}`;
}

/** A scalar as written (0123 may be a password), a list or an object as JSON. */
function asText(value: Node): string {
  if (isCollection(value)) return JSON.stringify(value);
  if (isScalar(value)) return value.type === "PLAIN" ? (value.source ?? "") : String(value.value);
  return value.toString();
}

function isNull(node: Node): boolean {
  return isScalar(node) && node.value === null;
}

function firstLine(message: string): string {
  // The library appends the position and the line's text, which may contain a secret.
  return (message.split("\n")[0] ?? "").replace(/ at line \d+, column \d+:?$/, "");
}
