/** Parses options and arguments of the command line. */
import { InvalidArgumentError } from "commander";
import type { Kind } from "../config/kinds.js";

/** Parses it like a setting. */
export function argument<T>({ schema, expected }: Kind<T>): (text: string) => T {
  return (text) => {
    const parsed = schema.safeParse(text);
    if (parsed.success) return parsed.data;
    throw new InvalidArgumentError(`Expected ${expected}.`);
  };
}

/** Parses a number of seconds above 0, which needn't be whole. */
export function positiveSeconds(text: string): number {
  const value = Number(text);
  if (Number.isFinite(value) && value > 0) return value;
  throw new InvalidArgumentError("Expected a number of seconds above 0.");
}
