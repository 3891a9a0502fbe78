/**
 * Bound handles: a metric whose name and tags are checked and looked up once, for the hottest of paths.
 *
 * Their calls answer as the client's do.
 */
import type { Context } from "./context.js";
import type { Pipeline } from "./pipeline.js";
import { readElements, type SetInput } from "./set-elements.js";

/** A metric of which nothing can be stored has no context: each of its calls is refused. */
type BoundContext = Context | undefined;

export class Counter {
  readonly #pipeline: Pipeline;
  readonly #context: BoundContext;

  constructor(pipeline: Pipeline, context: BoundContext) {
    this.#pipeline = pipeline;
    this.#context = context;
  }

  inc(value = 1): Promise<boolean> {
    return recordNumber(this.#pipeline, this.#context, value);
  }

  dec(value = 1): Promise<boolean> {
    return recordNumber(this.#pipeline, this.#context, -value);
  }
}

export class Gauge {
  readonly #pipeline: Pipeline;
  readonly #context: BoundContext;

  constructor(pipeline: Pipeline, context: BoundContext) {
    this.#pipeline = pipeline;
    this.#context = context;
  }

  set(value: number): Promise<boolean> {
    return recordNumber(this.#pipeline, this.#context, value);
  }
}

/** A histogram or a distribution. */
export class Histogram {
  readonly #pipeline: Pipeline;
  readonly #context: BoundContext;

  constructor(pipeline: Pipeline, context: BoundContext) {
    this.#pipeline = pipeline;
    this.#context = context;
  }

  observe(value: number): Promise<boolean> {
    return recordNumber(this.#pipeline, this.#context, value);
  }
}

export class SetHandle {
  readonly #pipeline: Pipeline;
  readonly #context: BoundContext;

  constructor(pipeline: Pipeline, context: BoundContext) {
    this.#pipeline = pipeline;
    this.#context = context;
  }

  add(...elements: readonly unknown[]): Promise<boolean> {
    return recordElements(this.#pipeline, this.#context, elements);
  }
}

function recordNumber(pipeline: Pipeline, context: BoundContext, value: number): Promise<boolean> {
  if (context === undefined) return pipeline.refuse("invalid_metric");
  if (typeof value !== "number" || !Number.isFinite(value)) return pipeline.refuse("invalid_value");
  return pipeline.number(context, value);
}

function recordElements(pipeline: Pipeline, context: BoundContext, input: SetInput): Promise<boolean> {
  if (context === undefined) return pipeline.refuse("invalid_metric");
  try {
    const elements = readElements(input);
    return elements === undefined ? pipeline.refuse("invalid_value") : pipeline.elements(context, elements);
  } catch {
    // Only the caller's own objects throw here: a getter, a proxy.
    return pipeline.refuse("invalid_value");
  }
}
