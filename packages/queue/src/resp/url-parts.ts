/** Parses parts of a Redis URL. Errors never quote the URL, which may contain a password. */

/** Percent-decodes a part. Throws if a % isn't part of an escape. */
export function decodePart(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw wrongUrl("has a % that is not percent-encoded (%25)");
  }
}

/** The number of a database; 0 if the text is empty. Throws if it isn't a number. */
export function databaseOf(text: string): number {
  if (text === "") return 0;
  if (!/^\d{1,9}$/.test(text)) throw wrongUrl("has a database that is no number");
  return Number(text);
}

export function wrongUrl(reason: string): Error {
  return new Error(
    `the Redis URL ${reason}; the protocols are redis, rediss, redis+sentinel, rediss+sentinel and unix`,
  );
}
