/**
 * Loads the wrapper that METRICS_WRAPPER names: a built-in one, or a module of the user that exports `wrap`.
 *
 * The result of a user's wrapper is validated before it is used, so a faulty wrapper never blocks a window.
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

/** Limit of the samples of a histogram for a wrapper without weights: beyond it, each value is passed once. */
const MAX_SAMPLES = 1_000_000;

/**
 * Rejects if there is no such module, or if it exports no `wrap`.
 * @param name `datadog`, `simple`, or a module as in {@link loadModule}
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

/** With a CommonJS module, Node may know only the default export. */
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
    // Its result comes too late: a rejection mustn't end the process.
    answer.catch(() => {});
    return wrong("a promise; return the result itself");
  }
  const { ok, metrics, sketches = [], reason } = Object(answer) as Readonly<Record<string, unknown>>;
  if (ok === false) return { ok, reason: typeof reason === "string" ? reason : "the wrapper gave no reason" };
  if (ok !== true || !Array.isArray(metrics)) return wrong("neither metrics nor a reason");
  const ready: ReadyMetric[] = [];
  for (const metric of metrics as readonly unknown[]) {
    // As it will be read from its queue: JSON turns NaN and infinities into null.
    const decoded = decodeReadyMetric(JSON.stringify(metric) ?? "null");
    if (!decoded.ok) return wrong(`an invalid metric: ${decoded.reason}`);
    ready.push(decoded.value);
  }
  const found = checkedSketches(sketches);
  return found === undefined
    ? wrong("an invalid sketch")
    : { ok: true, metrics: ready, ...(found.length === 0 ? {} : { sketches: found }) };
}

function checkedSketches(sketches: unknown): readonly ReadySketch[] | undefined {
  if (!Array.isArray(sketches)) return undefined;
  const ready: ReadySketch[] = [];
  for (const sketch of sketches as readonly ReadySketch[]) {
    // encodeReadySketch would throw.
    const decoded = decodeReadySketch(sketch?.sketch?.bins instanceof Map ? encodeReadySketch(sketch) : "");
    if (!decoded.ok) return undefined;
    ready.push(decoded.value);
  }
  return ready;
}

/** Replaces weights by repeated samples, up to a limit: users' wrappers know only samples. */
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
  return { ok: false, reason: `the wrapper returned ${what}` };
}
