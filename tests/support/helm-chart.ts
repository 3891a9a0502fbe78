/**
 * Renders the templates of our Helm chart. Debian has no package of helm; this implements the few parts of its template
 * language that the chart uses, and throws at any other.
 */
import { createHash } from "node:crypto";
import { stringify } from "yaml";

type Words = readonly (string | Words)[];

const FUNCTIONS: Readonly<Record<string, (...args: readonly unknown[]) => unknown>> = {
  default: (other, value) => (value === "" ? other : value),
  nindent: (spaces, text) => `\n${String(text).replace(/^(?=.)/gm, " ".repeat(Number(spaces)))}`,
  printf: (format, ...args) => {
    const rest = [...args];
    return String(format).replaceAll("%s", () => String(rest.shift()));
  },
  sha256sum: (text) => createHash("sha256").update(String(text)).digest("hex"),
  toYaml: (value) => stringify(value).trimEnd(),
};

/** @param scope what the names mean: `{ Values, Chart, Release }` */
export function renderTemplate(template: string, scope: object): string {
  return template.replace(/(\s*)\{\{(-?)(.*?)\}\}/g, (_, before: string, trim: string, text: string) => {
    const words = text.match(/"[^"]*"|[()|]|[^\s()|]+/g) ?? [];
    const value = evaluate(group(words[Symbol.iterator]()), scope);
    return `${trim === "-" ? "" : before}${value}`;
  });
}

function group(words: Iterator<string>): Words {
  const found: (string | Words)[] = [];
  for (let next = words.next(); !next.done && next.value !== ")"; next = words.next()) {
    found.push(next.value === "(" ? group(words) : next.value);
  }
  return found;
}

/** The value of a pipeline: what is before a `|` is the last argument of what is behind it. */
function evaluate(words: Words, scope: object): unknown {
  const bar = words.lastIndexOf("|");
  const piped = bar < 0 ? [] : [evaluate(words.slice(0, bar), scope)];
  const [name, ...args] = words.slice(bar + 1);
  if (typeof name === "string" && name in FUNCTIONS)
    return FUNCTIONS[name]?.(...args.map((arg) => read(arg, scope)), ...piped);
  if (name === undefined || args.length > 0 || piped.length > 0)
    throw new Error(`unknown in a template: ${JSON.stringify(words)}`);
  return read(name, scope);
}

function read(word: string | Words, scope: object): unknown {
  if (typeof word !== "string") return evaluate(word, scope);
  if (/^\d+$/.test(word)) return Number(word);
  if (word.startsWith('"')) return JSON.parse(word);
  if (!word.startsWith(".")) throw new Error(`unknown in a template: ${word}`);
  let value: unknown = scope;
  for (const name of word.slice(1).split(".")) {
    if (typeof value !== "object" || value === null || !(name in value))
      throw new Error(`there is no ${word}`);
    value = (value as Readonly<Record<string, unknown>>)[name];
  }
  return value;
}
