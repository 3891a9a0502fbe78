/** The names of the engine's files in its folder. */

const DIGITS = 10;

export const RESERVE = "reserve";
/** The suffix of a run that is being written. */
export const UNFINISHED = ".unfinished";

export const segmentName = (number: number): string => `journal-${padded(number)}`;
export const runName = (number: number): string => `run-${padded(number)}`;

/** The number in a name of this kind; undefined for any other name. */
export function numberOf(kind: "journal" | "run", name: string): number | undefined {
  const match = new RegExp(`^${kind}-(\\d{${DIGITS}})$`).exec(name);
  return match === null ? undefined : Number(match[1]);
}

function padded(number: number): string {
  return `${number}`.padStart(DIGITS, "0");
}

/** The numbers of the files of this kind, ascending. */
export function numbersIn(kind: "journal" | "run", names: readonly string[]): readonly number[] {
  return names.flatMap((name) => numberOf(kind, name) ?? []).sort((a, b) => a - b);
}
