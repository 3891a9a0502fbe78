/**
 * The normal end of a process: what is buffered goes out first.
 *
 * Promises: one listener a process, however many clients there are; an exit is held up no longer than each client's own
 * deadline, and not a second time where the broker didn't take it the first time.
 */

/** Sends what is buffered; resolves when that is done or given up. */
export type LastWord = () => Promise<void> | undefined;

const lastWords = new Set<LastWord>();

/** @returns what takes it back */
export function beforeExit(lastWord: LastWord): () => void {
  if (lastWords.size === 0) process.on("beforeExit", sayLastWords);
  lastWords.add(lastWord);
  return () => {
    lastWords.delete(lastWord);
    if (lastWords.size === 0) process.off("beforeExit", sayLastWords);
  };
}

function sayLastWords(): void {
  for (const lastWord of lastWords) void lastWord();
}
