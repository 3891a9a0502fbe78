/** How often what was written goes to the disk, in the words of Redis' appendfsync. */

/** "always": before a write is confirmed. A number: after so many milliseconds at most. */
export type Fsync = "always" | number;

export const EVERY_SECOND: Fsync = 1_000;
