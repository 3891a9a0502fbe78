/**
 * Kinds of settings: how the text of an environment variable becomes a value, and what is said if it can't.
 *
 * A value of the settings file goes the same way: it is read as the text that the environment would have.
 */
import { z } from "zod";

export interface Kind<T> {
  readonly schema: z.ZodType<T>;
  /** What is expected, to follow "expected". */
  readonly expected: string;
  /** Whether a user and a password may be in it, which are never shown. */
  readonly isUrl?: boolean;
  /** A warning about a text that the schema accepts: what of it is ignored. Undefined if there is nothing to say. */
  readonly warning?: ((text: string) => string | undefined) | undefined;
}

export function text(expected: string): Kind<string> {
  return { expected, schema: z.string().trim().min(1) };
}

/** A secret that is sent in a header. */
export function token(minLength: number): Kind<string> {
  return {
    expected: `at least ${minLength} ASCII letters, digits or signs, without spaces`,
    schema: z
      .string()
      .trim()
      .min(minLength)
      .regex(/^[\x21-\x7e]+$/),
  };
}

export function wholeNumber(least: number, most: number, unit: string): Kind<number> {
  return {
    expected: `a whole number of ${unit} from ${least} to ${most}`,
    schema: z.coerce.number().int().min(least).max(most),
  };
}

/** When to flush to the disk, in the words of Redis' appendfsync, or every so many milliseconds. */
export function fsync(): Kind<"always" | "everysec" | number> {
  const { schema } = wholeNumber(1, 60_000, "milliseconds");
  return {
    expected: "everysec, always or a whole number of milliseconds from 1 to 60000",
    schema: z.union([oneOf(["always", "everysec"]).schema, schema]),
  };
}

export function oneOf<const T extends readonly string[]>(choices: T): Kind<T[number]> {
  return {
    expected: `one of ${choices.join(", ")}`,
    schema: z.string().trim().toLowerCase().pipe(z.enum(choices)),
  };
}

/** A JSON list, or items with commas between them. */
export function list<T>(item: z.ZodType<T>, expected: string): Kind<readonly T[]> {
  return {
    expected: `${expected}, as a JSON list or separated by commas`,
    schema: z.preprocess(splitList, z.array(item)),
  };
}

/**
 * Some of these names. Others are ignored with a warning, as the original does: a list for a newer version, or with a
 * slip in it, must not keep the agent from starting.
 */
export function someOf<const T extends readonly string[]>(names: T): Kind<readonly T[number][]> {
  const known = new Set<string>(names);
  const { expected, schema } = list(z.string(), `some of ${names.join(", ")}`);
  return {
    expected,
    schema: schema.transform((items) => items.filter((item) => known.has(item))).pipe(z.array(z.enum(names))),
    warning: (text) => ignoredNames(schema.safeParse(text).data ?? [], known),
  };
}

/** The warning about names that aren't known. */
export function ignoredNames(items: readonly string[], known: ReadonlySet<string>): string | undefined {
  const unknown = items.filter((item) => !known.has(item));
  return unknown.length === 0
    ? undefined
    : `ignoring ${unknown.map((item) => JSON.stringify(item)).join(", ")}: there are ${[...known].join(", ")}`;
}

export function url(protocols: readonly string[], expected: string): Kind<string> {
  const isUrl = (value: string) => URL.canParse(value) && protocols.includes(new URL(value).protocol);
  return { expected, schema: z.string().trim().refine(isUrl), isUrl: true };
}

/** A domain name and nothing else: no scheme, port or path. */
export function domain(expected: string): Kind<string> {
  const schema = z.string().trim().toLowerCase();
  return { expected, schema: schema.regex(/^[a-z\d]([a-z\d-]*[a-z\d])?(\.[a-z\d]([a-z\d-]*[a-z\d])?)+$/) };
}

export interface HostAndPort {
  readonly host: string;
  readonly port: number;
}

/**
 * `host:port`, `[IPv6]:port`, or a port of 127.0.0.1.
 * @param example to be shown
 */
export function hostAndPort(example: string): Kind<HostAndPort> {
  return {
    expected: `host:port, such as ${example}`,
    schema: z
      .string()
      .trim()
      .transform((value, context) => {
        const match = /^(?:(?:\[([^\]]+)\]|([^:]*)):)?(\d{1,5})$/.exec(value);
        const port = Number(match?.[3]);
        if (match !== null && port <= 65_535) return { host: match[1] ?? (match[2] || "127.0.0.1"), port };
        context.addIssue("not host:port");
        return z.NEVER;
      }),
  };
}

/** The kind's own value, or `off`. */
export function orOff<T>({ expected, schema }: Kind<T>): Kind<T | "off"> {
  return { expected: `${expected}, or off`, schema: z.union([off, schema]) };
}

/** YAML's own words and those of the original and of shells. */
export function yesOrNo(): Kind<boolean> {
  return {
    expected: "true or false",
    schema: z.stringbool({
      truthy: ["true", "yes", "on", "1"],
      falsy: ["false", "no", "off", "0"],
    }),
  };
}

const off = z.string().trim().toLowerCase().pipe(z.literal("off"));

function splitList(value: unknown): unknown {
  if (typeof value !== "string") return value;
  const trimmed = value.trim();
  // No item begins like this: it is JSON, and maybe broken JSON.
  if (/^[[{]/.test(trimmed)) {
    try {
      return JSON.parse(trimmed);
    } catch {
      // Still text, which no list is: the schema refuses it.
      return value;
    }
  }
  return trimmed
    .split(",")
    .map((item) => item.trim())
    .filter((item) => item !== "");
}
