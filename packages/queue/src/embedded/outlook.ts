/**
 * What the journal's later frames say: read ahead of the replay when a frame is missing, to know whether a power cut kept
 * it from the disk or the disk has damaged it.
 */
import { join } from "node:path";
import { type Change, type Mark, type Opened, readChange } from "./change.js";
import { segmentName } from "./file-names.js";
import type { FileSystem } from "./files.js";
import { type Frame, fileSeed, framesIn } from "./frame.js";

export interface Outlook {
  /** The last segment's last one. */
  readonly last?: Mark | undefined;
  readonly opened?: Opened;
  /** The frames up to this sequence number were on disk. */
  readonly flushedThrough: number;
}

/** @param segments their numbers, in order */
export async function lookAhead(
  { files, folder }: { readonly files: FileSystem; readonly folder: string },
  segments: readonly number[],
): Promise<Outlook> {
  const outlook: { last?: Mark | undefined; opened?: Opened; flushedThrough: number } = {
    flushedThrough: 0,
  };
  for (const number of segments) {
    const bytes = await files.readWhole(join(folder, segmentName(number))).catch(() => Buffer.alloc(0));
    outlook.last = undefined;
    for (const frame of framesIn(bytes, fileSeed("journal", number), () => {})) {
      const { mark, flushedThrough = 0 } = changeOf(frame) ?? {};
      outlook.flushedThrough = Math.max(outlook.flushedThrough, flushedThrough);
      if (mark !== undefined) outlook.last = mark;
      if (mark?.kind === "opened") outlook.opened = mark;
    }
  }
  return outlook;
}

/** @returns undefined for one that no version writes */
export function changeOf({ body }: Frame): Change | undefined {
  try {
    return readChange(body);
  } catch {
    return undefined;
  }
}
