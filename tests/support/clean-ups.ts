/** Clean-ups of a test file: whatever a test starts ends with that test, the last started first. */
import { afterEach } from "vitest";

/** Call it once, at the top of a test file. @returns the list to push clean-ups to; all run after each test */
export function cleanUpsAfterEach(): (() => unknown)[] {
  const cleanUps: (() => unknown)[] = [];
  afterEach(async () => {
    for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
  });
  return cleanUps;
}
