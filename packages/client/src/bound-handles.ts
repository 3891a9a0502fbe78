/**
 * Bound handles: metrics whose name and tags are checked and looked up once, for hot paths.
 *
 * Their calls return the same as the client's.
 */
import type { MetricContext } from "@chouette-iot/record/calls";
import type { Recorder } from "./recorder.js";
import { readElements, type SetInput } from "./set-elements.js";

/** Undefined if the name or the tags are invalid: each call is refused then. */
type BoundContext = MetricContext | undefined;

export class BoundCounter {
  readonly #recorder: Recorder;
  readonly #context: BoundContext;

  constructor(recorder: Recorder, context: BoundContext) {
    this.#recorder = recorder;
    this.#context = context;
  }

  inc(value = 1): Promise<boolean> {
    return recordNumber(this.#recorder, this.#context, value);
  }

  dec(value = 1): Promise<boolean> {
    return recordNumber(this.#recorder, this.#context, negative(value));
  }
}

export class BoundGauge {
  readonly #recorder: Recorder;
  readonly #context: BoundContext;

  constructor(recorder: Recorder, context: BoundContext) {
    this.#recorder = recorder;
    this.#context = context;
  }

  set(value: number): Promise<boolean> {
    return recordNumber(this.#recorder, this.#context, value);
  }
}

/** A histogram or a distribution. */
export class BoundHistogram {
  readonly #recorder: Recorder;
  readonly #context: BoundContext;

  constructor(recorder: Recorder, context: BoundContext) {
    this.#recorder = recorder;
    this.#context = context;
  }

  observe(value: number): Promise<boolean> {
    return recordNumber(this.#recorder, this.#context, value);
  }
}

export class BoundSet {
  readonly #recorder: Recorder;
  readonly #context: BoundContext;

  constructor(recorder: Recorder, context: BoundContext) {
    this.#recorder = recorder;
    this.#context = context;
  }

  add(...elements: readonly unknown[]): Promise<boolean> {
    return recordElements(this.#recorder, this.#context, elements);
  }
}

/** Negates a number. Anything else is returned unchanged, to be refused. */
export function negative(value: number): number {
  return typeof value === "number" ? -value : value;
}

function recordNumber(recorder: Recorder, context: BoundContext, value: number): Promise<boolean> {
  if (context === undefined) return recorder.refuse("invalid_metric");
  if (typeof value !== "number" || !Number.isFinite(value)) return recorder.refuse("invalid_value");
  return recorder.number(context, value);
}

function recordElements(recorder: Recorder, context: BoundContext, input: SetInput): Promise<boolean> {
  if (context === undefined) return recorder.refuse("invalid_metric");
  try {
    const elements = readElements(input);
    return elements === undefined ? recorder.refuse("invalid_value") : recorder.elements(context, elements);
  } catch {
    // Only the caller's objects can throw here: a getter, a proxy.
    return recorder.refuse("invalid_value");
  }
}
