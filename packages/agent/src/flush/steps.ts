/**
 * The steps in which what was read is settled: one, or as many as a full disk has room for, one after the other.
 *
 * A step has a number of contexts, in the order in which they were read, with all their records: so the oldest records
 * leave first, whose files can then be deleted, and the steps of a window's emission can share its second.
 */
import type { OpenWindow, WindowBatch } from "./open-windows.js";

/** @param contexts of a step, about: of dead letters and records without any, as many go with it */
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

/** A settlement has one state of a window, and so one part of it. */
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
