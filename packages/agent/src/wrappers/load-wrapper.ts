/**
 * The wrapper that METRICS_WRAPPER names: one of ours, or a module of the user's that exports `wrap`.
 *
 * What a user's wrapper answers is checked before it is used: a window never waits for a wrapper that is wrong.
 */
import {
  decodeReadyMetric,
  decodeReadySketch,
  encodeReadySketch,
  messageOf,
  type ReadyMetric,
  type ReadySketch,
} from "@chouette-iot/record";
import type { Context } from "../aggregation/context.js";
import { loadModule } from "../runtime/load-module.js";
import { datadogWrapper } from "./datadog-wrapper.js";
import { simpleWrapper } from "./simple-wrapper.js";
import type { Wrap, Wrapped, WrapperOptions } from "./wrapper.js";

/** Of a histogram, for a wrapper that knows no weights: beyond it, a value stands there once. */
const MAX_SAMPLES = 1_000_000;

/**
 * @param name `datadog`, `simple`, the path of a module (`./wrapper.mjs`, `/etc/chouette/wrapper.mjs`), or the
 * name of a package that is installed beside the agent
 * @throws if there is no such module, or it has no `wrap`
 */
export async function loadWrapper(name: string, options: WrapperOptions): Promise<Wrap> {
  if (name === "datadog") return datadogWrapper(options);
  if (name === "simple") return simpleWrapper;
  const module = await loadModule(name).catch((cause) => {
    const reason = messageOf(cause);
    const expected = "expected datadog, simple, or a module";
    throw new Error(`METRICS_WRAPPER: ${expected}, but ${name} can't be loaded: ${reason}`, { cause });
  });
  const wrap = exportedWrap(module);
  if (wrap === undefined) throw new Error(`METRICS_WRAPPER: ${name} exports no function named wrap`);
  return (context, at, interval) => checked(wrap(withSamples(context), at, interval));
}

/** Of a CommonJS module, Node may know the exports only as a whole. */
function exportedWrap({
  wrap,
  default: whole,
}: Readonly<Record<string, unknown>>): ((...args: Parameters<Wrap>) => unknown) | undefined {
  if (typeof wrap === "function") return wrap as (...args: Parameters<Wrap>) => unknown;
  return typeof whole === "object" && whole !== null
    ? exportedWrap({ wrap: Reflect.get(whole, "wrap") })
    : undefined;
}

function checked(answer: unknown): Wrapped {
  if (answer instanceof Promise) {
    // Its end is of no interest: it comes too late.
    answer.catch(() => {});
    return wrong("a promise; return the result itself");
  }
  const { ok, metrics, sketches = [], reason } = Object(answer) as Readonly<Record<string, unknown>>;
  if (ok === false) return { ok, reason: typeof reason === "string" ? reason : "the wrapper gave no reason" };
  if (ok !== true || !Array.isArray(metrics)) return wrong("neither metrics nor a reason");
  const ready: ReadyMetric[] = [];
  for (const metric of metrics as readonly unknown[]) {
    // As it will be read from its queue. A number that JSON can't carry is null by then.
    const decoded = decodeReadyMetric(JSON.stringify(metric) ?? "null");
    if (!decoded.ok) return wrong(`a metric that is none: ${decoded.reason}`);
    ready.push(decoded.value);
  }
  const found = checkedSketches(sketches);
  return found === undefined
    ? wrong("a sketch that is none")
    : { ok: true, metrics: ready, ...(found.length === 0 ? {} : { sketches: found }) };
}

function checkedSketches(sketches: unknown): readonly ReadySketch[] | undefined {
  if (!Array.isArray(sketches)) return undefined;
  const ready: ReadySketch[] = [];
  for (const sketch of sketches as readonly ReadySketch[]) {
    // It throws if there is no sketch in it.
    const decoded = decodeReadySketch(sketch?.sketch?.bins instanceof Map ? encodeReadySketch(sketch) : "");
    if (!decoded.ok) return undefined;
    ready.push(decoded.value);
  }
  return ready;
}

/** As wrappers know it: a sample for each call, up to a limit. */
function withSamples(context: Context): Context {
  if (context.type !== "histogram" || context.sum.weighted.length === 0) return context;
  const samples = [...context.sum.samples];
  const { weighted } = context.sum;
  for (let at = 0; at < weighted.length; at += 2) {
    const [value = 0, weight = 1] = [weighted[at], weighted[at + 1]];
    const times = Math.min(Math.max(1, Math.round(weight)), Math.max(1, MAX_SAMPLES - samples.length));
    for (let time = 0; time < times; time++) samples.push(value);
  }
  return { ...context, sum: { samples, weighted: [] } };
}

function wrong(what: string): Wrapped {
  return { ok: false, reason: `the wrapper answered with ${what}` };
}
