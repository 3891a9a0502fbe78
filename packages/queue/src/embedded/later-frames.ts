/**
 * Reads ahead in the journal when a frame is missing, to find out whether a power cut kept it from the disk or the disk has
 * damaged it.
 */
import { join } from "node:path";
import type { Change, Mark, Opened } from "./change.js";
import { readChange } from "./change-codec.js";
import { segmentName } from "./file-names.js";
import type { FileSystem } from "./files.js";
import { type Frame, fileSeed, framesIn } from "./frame.js";

/** What the frames after a gap tell about the end of the journal. */
export interface LaterFrames {
  /** The last mark in the last segment. */
  readonly last: Mark | undefined;
  /** The last "opened" mark. */
  readonly opened: Opened | undefined;
  /** The frames up to this sequence number were on disk. */
  readonly flushedThrough: number;
}

/** Never rejects: an unreadable segment counts as empty. @param segments their numbers, in order */
export async function readLaterFrames(
  { files, folder }: { readonly files: FileSystem; readonly folder: string },
  segments: readonly number[],
): Promise<LaterFrames> {
  let last: Mark | undefined;
  let opened: Opened | undefined;
  let through = 0;
  for (const number of segments) {
    const bytes = await files.readWhole(join(folder, segmentName(number))).catch(() => Buffer.alloc(0));
    last = undefined;
    for (const frame of framesIn(bytes, fileSeed("journal", number), () => {})) {
      const { mark, flushedThrough = 0 } = changeOf(frame) ?? {};
      through = Math.max(through, flushedThrough);
      last = mark ?? last;
      if (mark?.kind === "opened") opened = mark;
    }
  }
  return { last, opened, flushedThrough: through };
}

/** The change in a frame; undefined if its body is impossible. */
export function changeOf({ body }: Frame): Change | undefined {
  try {
    return readChange(body);
  } catch {
    return undefined;
  }
}
