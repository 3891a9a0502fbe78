/**
 * Kinds of settings: how the text of an environment variable is parsed, and what an error says was expected.
 *
 * Values of the settings file are parsed the same way: they are read as the text that a variable would have.
 */
import { z } from "zod";

export interface Kind<T> {
  readonly schema: z.ZodType<T>;
  /** For an error: follows the word "expected". */
  readonly expected: string;
  /** Whether it may contain a user and a password, which are never shown. */
  readonly isUrl?: boolean;
  /** A warning about ignored parts of a text that the schema accepts; undefined if nothing is ignored. */
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

export function wholeNumber(min: number, max: number, unit: string): Kind<number> {
  return {
    expected: `a whole number of ${unit} from ${min} to ${max}`,
    schema: z.coerce.number().int().min(min).max(max),
  };
}

export function port(): Kind<number> {
  return { ...wholeNumber(1, 65_535, ""), expected: "a port from 1 to 65535" };
}

/** A name or an address. A URL is refused: it would be shown with its password. */
export function hostName(): Kind<string> {
  return {
    expected: "a host name",
    schema: z
      .string()
      .trim()
      .regex(/^[^\s/@]+$/),
  };
}

/** When to flush to the disk: a value of Redis' appendfsync, or an interval in milliseconds. */
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

/** A JSON list, or items separated by commas. */
export function list<T>(item: z.ZodType<T>, expected: string): Kind<readonly T[]> {
  return {
    expected: `${expected}, as a JSON list or separated by commas`,
    schema: z.preprocess(splitList, z.array(item)),
  };
}

/**
 * Some of these names. Others are ignored with a warning, as by the Python agent: a list for a newer version, or with a
 * typing error, must not prevent the start.
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

/** A warning about unknown names; undefined if there are none. */
export function ignoredNames(items: readonly string[], known: ReadonlySet<string>): string | undefined {
  const unknown = items.filter((item) => !known.has(item));
  return unknown.length === 0
    ? undefined
    : `ignoring ${unknown.map((item) => JSON.stringify(item)).join(", ")}: the known names are ${[...known].join(", ")}`;
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
 * @param example for the error
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

/** A value of the kind, or `off`. */
export function orOff<T>({ expected, schema }: Kind<T>): Kind<T | "off"> {
  return { expected: `${expected}, or off`, schema: z.union([off, schema]) };
}

/** The words of YAML, of shells and of the Python agent. */
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
  // Items don't begin like this, so it is JSON, maybe invalid.
  if (/^[[{]/.test(trimmed)) {
    try {
      return JSON.parse(trimmed);
    } catch {
      // The schema refuses a text.
      return value;
    }
  }
  return trimmed
    .split(",")
    .map((item) => item.trim())
    .filter((item) => item !== "");
}
