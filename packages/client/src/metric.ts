/**
 * A metric: one type and one name, and its contexts by their tags.
 */
import type { MetricType, Tags } from "@chouette-iot/record";
import { Context } from "./context.js";

export class Metric {
  readonly type: MetricType;
  /** Its records' JSON up to the value. */
  readonly head: string;
  /** The tags that every record gets. */
  readonly #always: Tags;
  /** By their records' JSON from after the timestamp. */
  readonly #contexts = new Map<string, Context>();
  #overflow: Context | undefined;

  /** @param name as it is stored */
  constructor(type: MetricType, name: string, always: Tags) {
    this.type = type;
    this.head = `{"metric":${JSON.stringify(name)},"type":"${type}","value":`;
    this.#always = always;
  }

  /** The one context with these tags, in whatever order they stand. */
  context(tags: Tags): Context {
    const tail = tailOf(tags);
    let context = this.#contexts.get(tail);
    if (context === undefined) {
      context = new Context(this, tail, false);
      this.#contexts.set(tail, context);
    }
    return context;
  }

  /** Where calls go once a flush has all the contexts that it may have. */
  get overflow(): Context {
    this.#overflow ??= new Context(this, tailOf({ ...this.#always, overflow: "true" }), true);
    return this.#overflow;
  }
}

function tailOf(tags: Tags): string {
  const names = Object.keys(tags);
  if (names.length > 1) names.sort();
  let fields = "";
  for (const name of names) {
    fields += `${fields === "" ? "" : ","}${JSON.stringify(name)}:${JSON.stringify(tags[name])}`;
  }
  return `,"tags":{${fields}}}`;
}
