import { createHash, timingSafeEqual } from "node:crypto";

/** A check for the password that takes as long for a wrong one as for a nearly right one. */
export function passwordCheck(password: string): (attempt: string) => boolean {
  const expected = digest(password);
  return (attempt) => timingSafeEqual(digest(attempt), expected);
}

/** Digests are of one length, which the comparison asks for and which hides the password's own. */
function digest(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}
