/** How LMDB tells, while a file is open, that the file is damaged (the error codes of `lmdb.h`). */

const PAGE_NOTFOUND = -30797;
const CORRUPTED = -30796;
const PANIC = -30795;
const INVALID = -30793;
/** Of every call after one that met such a page. */
const BAD_TXN = -30782;
const CODES: ReadonlySet<unknown> = new Set([PAGE_NOTFOUND, CORRUPTED, PANIC, INVALID, BAD_TXN]);

export function isDamage(error: unknown): error is Error {
  return error instanceof Error && "code" in error && CODES.has(error.code);
}
