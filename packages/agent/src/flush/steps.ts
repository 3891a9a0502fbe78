/**
 * Splits a batch into steps that are settled one after the other, for a disk too full for a single settlement.
 *
 * A step has a limited number of contexts, in the order in which they were read, with all their records. So the oldest
 * records are removed first, whose files can then be deleted, and all steps of a window can be emitted for the same second.
 */
import type { OpenWindow, WindowBatch } from "./open-windows.js";

/** @param contexts per step, about; each step also settles up to as many unusable, expired and filtered records */
export function inSteps(batch: WindowBatch, contexts: number): readonly WindowBatch[] {
  const { unusable, expired, filtered } = batch;
  const groups = grouped(batch.windows, contexts);
  const others = Math.max(unusable.length, expired.length, filtered.length);
  const steps = Math.max(groups.length, Math.ceil(others / contexts));
  return Array.from({ length: steps }, (_, step) => {
    const part = <T>(all: readonly T[]) =>
      all.slice(Math.floor((all.length * step) / steps), Math.floor((all.length * (step + 1)) / steps));
    return {
      windows: groups[step] ?? [],
      unusable: part(unusable),
      expired: part(expired),
      filtered: part(filtered),
    };
  });
}

/** A settlement writes one state per window, so a step has at most one part of each window. */
function grouped(windows: readonly OpenWindow[], contexts: number): readonly (readonly OpenWindow[])[] {
  const groups: OpenWindow[][] = [];
  let size = 0;
  for (const open of windows) {
    const { window } = open;
    const last = groups.at(-1);
    const isNew = last?.at(-1)?.window.start !== window.start && size + window.size <= contexts;
    if (last !== undefined && isNew) last.push(open);
    else {
      groups.push([open]);
      size = 0;
    }
    size += window.size;
  }
  return groups;
}
