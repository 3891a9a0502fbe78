/** Parses an option or argument of the command line like a setting. */
import { InvalidArgumentError } from "commander";
import type { Kind } from "../config/kinds.js";

export function argument<T>({ schema, expected }: Kind<T>): (text: string) => T {
  return (text) => {
    const parsed = schema.safeParse(text);
    if (parsed.success) return parsed.data;
    throw new InvalidArgumentError(`Expected ${expected}.`);
  };
}
