/** Checks the password of the embedded broker in constant time. */
import { createHash, timingSafeEqual } from "node:crypto";

export function passwordCheck(password: string): (attempt: string) => boolean {
  const expected = digest(password);
  return (attempt) => timingSafeEqual(digest(attempt), expected);
}

/** Digests have the same length, which the comparison requires, and which hides the password's length. */
function digest(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}
