/**
 * The settings file, `chouette.yaml`: where it is looked for and how it is read.
 *
 * Promises: what is wrong with the file is told by its line, and everything at once. Each value comes out as the
 * text that an environment variable would have, so that both ways in have the same rules.
 */
import { readFileSync } from "node:fs";
import leven from "leven";
import { isCollection, isMap, isScalar, LineCounter, type Node, type Pair, parseDocument } from "yaml";
import { fileKey, type Setting } from "./setting.js";

export interface FileEntry {
  /** As an environment variable would have it. */
  readonly text: string;
  /** Whether it is a list or an object, which most settings can't be. */
  readonly isCollection: boolean;
  readonly line: number;
}

export interface SettingsFile {
  /** As it was named or found. */
  readonly path: string;
  readonly entries: ReadonlyMap<string, FileEntry>;
  /** A line for each thing that is wrong. */
  readonly problems: readonly string[];
  /** A line for each thing that is ignored. */
  readonly warnings: readonly string[];
}

/** Names the file; without it, the first of {@link LOOKED_FOR} that is there is read. */
export const FILE_VARIABLE = "CHOUETTE_CONFIG";
export const LOOKED_FOR = ["chouette.yaml", "/etc/chouette/chouette.yaml"] as const;
/** A key this far from what was meant, in letters, is a slip. */
const FURTHEST_SLIP = 3;

/**
 * The file that holds the settings; undefined where there is none and none was named.
 *
 * @param replaced keys of former versions, with those that took their place
 */
export function findSettingsFile(
  named: string | undefined,
  settings: readonly Setting<unknown, unknown>[],
  replaced: ReadonlyMap<string, string> = new Map(),
): SettingsFile | undefined {
  const path = named?.trim();
  for (const candidate of path ? [path] : LOOKED_FOR) {
    try {
      return parseSettingsFile(candidate, readFileSync(candidate, "utf8"), settings, replaced);
    } catch (error) {
      if (!path && (error as NodeJS.ErrnoException).code === "ENOENT") continue;
      const reason = error instanceof Error ? error.message : String(error);
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
  const said = `${JSON.stringify(name)} is no setting`;
  for (const [key, { names }] of known) {
    if (names.includes(name.toUpperCase())) return `${said}; in the file its name is ${key}`;
  }
  const nearest = [...known.keys()].sort((a, b) => leven(name, a) - leven(name, b))[0] ?? "";
  return leven(name, nearest) <= FURTHEST_SLIP ? `${said}; did you mean ${nearest}?` : said;
}

/** A scalar as it is written, since 0123 is a password before it is a number; a list or an object as JSON. */
function asText(value: Node): string {
  if (isCollection(value)) return JSON.stringify(value);
  if (isScalar(value)) return value.type === "PLAIN" ? (value.source ?? "") : String(value.value);
  return value.toString();
}

function isNull(node: Node): boolean {
  return isScalar(node) && node.value === null;
}

function firstLine(message: string): string {
  // The library adds the place and the line itself: the place is told, the line may hold a secret.
  return (message.split("\n")[0] ?? "").replace(/ at line \d+, column \d+:?$/, "");
}
