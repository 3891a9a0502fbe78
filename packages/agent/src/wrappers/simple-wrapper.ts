/**
 * The simple wrapper: a count stays a count; any other type becomes a gauge of the mean and a count of the samples.
 *
 * For a set these are the mean and number of its distinct elements, if all are numbers. Any other set has no mean and
 * becomes a dead letter.
 */
import type { DistinctElement } from "@chouette-iot/record";
import type { Context } from "../aggregation/context.js";
import type { Histogram } from "../aggregation/histogram.js";
import { sortSamples, total } from "./samples.js";
import type { Wrap } from "./wrapper.js";

export const simpleWrapper: Wrap = (context, at, interval) => {
  const { tags } = context;
  const count = (metric: string, value: number) =>
    ({ metric, type: "count", tags, points: [[at, value]], interval }) as const;
  if (context.type === "count") return { ok: true, metrics: [count(context.metric, context.sum.total)] };
  const mean = meanOf(context);
  if (mean === undefined) {
    return {
      ok: false,
      reason: "the simple wrapper only takes sets of numbers, and this one has other elements",
    };
  }
  const gauge = { metric: context.metric, type: "gauge", tags, points: [[at, mean.value]] } as const;
  return { ok: true, metrics: [gauge, count(`${context.metric}.count`, mean.samples)] };
};

interface Mean {
  readonly value: number;
  readonly samples: number;
}

function meanOf(context: Exclude<Context, { type: "count" }>): Mean | undefined {
  switch (context.type) {
    case "gauge":
    case "rate":
      return { value: context.sum.total / context.sum.samples, samples: context.sum.samples };
    case "distribution":
      return { value: context.sum.sum / context.sum.count, samples: context.sum.count };
    case "histogram":
      return meanOfSamples(context.sum);
    case "set": {
      const elements = [...context.sum.elements];
      return elements.length > 0 && elements.every(isNumber)
        ? meanOfNumbers(elements.map(Number))
        : undefined;
    }
    default:
      return context satisfies never;
  }
}

function meanOfSamples(histogram: Histogram): Mean {
  if (histogram.weighted.length === 0) return meanOfNumbers(histogram.samples);
  const sorted = sortSamples(histogram);
  return { value: total(sorted) / sorted.count, samples: sorted.count };
}

function meanOfNumbers(values: readonly number[]): Mean {
  let total = 0;
  for (const value of values) total += value;
  return { value: total / values.length, samples: values.length };
}

function isNumber(element: DistinctElement): element is number | bigint {
  return typeof element === "number" || typeof element === "bigint";
}
