/** The operations of the model: plain data, so that a sequence can be printed, repeated and shrunk. */
import fc from "fast-check";

/** The brokers of the model, by what the pipeline can notice of them. */
export const BROKERS = ["embedded", "redis", "pair"] as const;

/**
 * `embedded`: the agent's own store, where a known id at another time is another record.
 * `redis`: a server that answers over a connection, with a lease.
 * `pair`: the same with two agents.
 */
export type Broker = (typeof BROKERS)[number];

export type Answer =
  | "none"
  | "html"
  | "empty"
  | "redirect"
  | "forbidden"
  | "bad request"
  | "too large"
  | "too many"
  | "error"
  | "partial";

export type LinkState = Answer | "up" | "down";

/** More frequent ones are listed more than once. */
const LINK_STATES: readonly LinkState[] = [
  "up",
  "down",
  "down",
  "none",
  "html",
  "empty",
  "redirect",
  "forbidden",
  "bad request",
  "too large",
  "too many",
  "error",
  "partial",
];

export type FaultKind = "refused" | "lost" | "late" | "kill before" | "kill after";

const FAULTS: readonly FaultKind[] = ["refused", "lost", "late", "kill before", "kill after"];
/** Nothing is lost between the agent and its own store. */
const OWN_STORE_FAULTS: readonly FaultKind[] = ["refused", "kill before", "kill after"];

export type Operation =
  /** A program records something. @param call index of {@link CALLS} */
  | { readonly do: "call"; readonly call: number }
  /**
   * The same, stamped like an earlier record, counted back from the newest: by the clock as it was then, or as that
   * time is called now.
   */
  | { readonly do: "late"; readonly call: number; readonly like: number; readonly clock: "then" | "now" }
  | { readonly do: "log" }
  /** A collector writes a ready metric. */
  | { readonly do: "collect" }
  | { readonly do: "advance"; readonly seconds: number }
  /** The clock is set, by so many seconds or to the right time. */
  | { readonly do: "step"; readonly by: number | "right" }
  | { readonly do: "reboot"; readonly clock: "1970" | "kept" | "last" }
  | { readonly do: "link"; readonly answer: LinkState }
  /** How long the intake's answers take, in ms. */
  | { readonly do: "latency"; readonly link: number; readonly store: number }
  /** The answer to the next batch is lost on its way back. */
  | { readonly do: "lose answer" }
  /** One of the next calls of the store fails. */
  | { readonly do: "fault"; readonly on: "settle" | "any"; readonly skip: number; readonly how: FaultKind }
  /** The agent can't reach the store for so many seconds. */
  | { readonly do: "cut"; readonly agent: number; readonly seconds: number }
  /** The agent's process stands still for so many seconds. */
  | { readonly do: "freeze"; readonly agent: number; readonly seconds: number }
  /** The process stands still for so many seconds, and the other agent works and ends meanwhile. */
  | { readonly do: "interlude"; readonly agent: number; readonly seconds: number }
  | { readonly do: "kill"; readonly agent: number }
  | { readonly do: "stop"; readonly agent: number }
  | { readonly do: "start"; readonly agent: number; readonly settings: Partial<Settings> }
  /** A clean restart. */
  | { readonly do: "restart"; readonly agent: number; readonly settings: Partial<Settings> }
  /** The server saves its data, and later restarts with that. */
  | { readonly do: "save" }
  | { readonly do: "restore" };

export interface Settings {
  readonly interval: number;
  readonly ttl: number;
  readonly globalTags: readonly string[];
  /** BACKLOG_RESOLUTION. */
  readonly resolution: string;
}

export const DEFAULTS: Settings = { interval: 10, ttl: 600, globalTags: [], resolution: "" };

/** The tags that may be global: series are compared with these left out. */
export const GLOBAL_TAGS = ["env:live", "zone:a"] as const;

export type OperationName = Operation["do"];

export const OPERATIONS: readonly OperationName[] = [
  "call",
  "late",
  "log",
  "collect",
  "advance",
  "step",
  "reboot",
  "link",
  "latency",
  "lose answer",
  "fault",
  "cut",
  "freeze",
  "interlude",
  "kill",
  "stop",
  "start",
  "restart",
  "save",
  "restore",
];

export interface SequenceOptions {
  readonly broker: Broker;
  /** Only these operations. */
  readonly only?: readonly OperationName[];
  /** Indexes of {@link CALLS}. */
  readonly calls?: readonly number[];
  /** What the link may do. */
  readonly answers?: readonly LinkState[];
  readonly lateBy?: readonly ("then" | "now")[];
  /** The settings that change. */
  readonly vary?: readonly (keyof Settings)[];
  /** The faults of calls of the store. */
  readonly faults?: readonly FaultKind[];
  /** Operations at the start of every sequence. */
  readonly first?: readonly Operation[];
  readonly maxLength?: number;
}

/** Sequences of operations that can happen with this broker. */
export function sequences({
  broker,
  only,
  calls = CALLS.map((_, index) => index),
  answers = LINK_STATES,
  lateBy = ["now", "then"],
  vary = ["interval", "ttl", "globalTags", "resolution"],
  first = [],
  faults = broker === "embedded" ? OWN_STORE_FAULTS : FAULTS,
  maxLength = 25,
}: SequenceOptions): fc.Arbitrary<readonly Operation[]> {
  const one = fc.constantFrom(...calls);
  const agent = fc.integer({ min: 0, max: broker === "pair" ? 1 : 0 });
  const values: { readonly [Name in keyof Settings]: fc.Arbitrary<Settings[Name]> } = {
    interval: fc.constantFrom(10, 2, 15),
    ttl: fc.constantFrom(600, 60, 3600),
    globalTags: fc.subarray([...GLOBAL_TAGS]),
    resolution: fc.constantFrom("1m:30,2m:90", ""),
  };
  const varied = Object.fromEntries(vary.map((name) => [name, values[name]]));
  const settings: fc.Arbitrary<Partial<Settings>> = fc.record(varied, { requiredKeys: [] });
  const named = <N extends OperationName, F extends object>(
    name: N,
    weight: number,
    fields: { readonly [K in keyof F]: fc.Arbitrary<F[K]> },
  ) => ({
    name,
    weight,
    arbitrary: fc.record({ do: fc.constant(name), ...fields }) as unknown as fc.Arbitrary<Operation>,
  });
  const all = [
    named("call", 8, { call: one }),
    named("late", 8, { call: one, like: fc.integer({ min: 0, max: 5 }), clock: fc.constantFrom(...lateBy) }),
    named("log", 2, {}),
    named("collect", 2, {}),
    named("advance", 10, { seconds: fc.constantFrom(13, 1, 3, 8, 25, 45, 70, 130) }),
    named("step", 3, { by: fc.constantFrom<number | "right">("right", -60, 60, -130, 200, -20, 20, 3600) }),
    named("reboot", 1, { clock: fc.constantFrom("1970", "kept", "last") }),
    named("link", 4, {
      answer: fc.constantFrom(...answers),
    }),
    named("latency", 1, { link: fc.constantFrom(0, 1500, 8000), store: fc.constantFrom(0, 30, 400) }),
    named("lose answer", 2, {}),
    named("fault", 4, {
      on: fc.constantFrom("settle", "any"),
      skip: fc.integer({ min: 0, max: 12 }),
      how: fc.constantFrom(...faults),
    }),
    named("cut", 2, { agent, seconds: fc.constantFrom(3, 9, 15, 30) }),
    named("freeze", 2, { agent, seconds: fc.constantFrom(3, 9, 15, 30) }),
    ...(broker === "pair" ? [named("interlude", 4, { agent, seconds: fc.constantFrom(8, 9, 12) })] : []),
    named("kill", 2, { agent }),
    named("stop", 2, { agent }),
    named("start", 2, { agent, settings }),
    named("restart", 3, { agent, settings }),
    // The agent's own store is read by this agent alone: nothing comes back behind its back.
    ...(broker === "embedded" ? [] : [named("save", 1, {}), named("restore", 1, {})]),
  ].filter(({ name }) => only === undefined || only.includes(name));
  return fc.array(fc.oneof(...all), { maxLength }).map((operations) => [...first, ...operations]);
}

/** A record as a program makes it, before its value and timestamp. */
export interface Call {
  readonly metric: string;
  readonly type: "count" | "set" | "rate" | "gauge" | "histogram" | "distribution";
  readonly tags: Readonly<Record<string, unknown>>;
  /** As Python's json.dumps writes it, or as this client does. */
  readonly style: "node" | "python";
}

export const CALLS: readonly Call[] = [
  { metric: "my_app.requests", type: "count", tags: { env: "live" }, style: "node" },
  { metric: "my_app.requests", type: "count", tags: {}, style: "node" },
  { metric: "my-app.requests", type: "count", tags: { Env: "LIVE" }, style: "python" },
  { metric: "door", type: "count", tags: { a: "b:c" }, style: "node" },
  { metric: "door", type: "count", tags: { "a:b": "c" }, style: "node" },
  { metric: "door", type: "set", tags: { a: "b:c" }, style: "python" },
  { metric: "lag", type: "histogram", tags: {}, style: "node" },
  { metric: "lag", type: "distribution", tags: {}, style: "node" },
  { metric: "temperature", type: "gauge", tags: { room: 1 }, style: "python" },
  { metric: "rps", type: "rate", tags: {}, style: "node" },
];

/** Calls of which each is a series of its own whatever is made of names, tags and types. */
export const PLAIN_CALLS: readonly number[] = [0, 6, 8, 9];
