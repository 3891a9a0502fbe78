/** Searches for a sequence of operations that causes a difference, and shrinks it. */
import fc from "fast-check";
import { type SequenceOptions, sequences } from "./operations.js";
import { runSequence } from "./run.js";
import type { Engine } from "./watched-store.js";

export interface SearchOptions extends SequenceOptions {
  readonly seed: number;
  readonly runs: number;
  readonly engine?: Engine;
}

/** The shortest sequence that was found, in words and ready to be run again; undefined if nothing differs. */
export async function findDifference({
  seed,
  runs,
  engine,
  ...options
}: SearchOptions): Promise<string | undefined> {
  const { broker } = options;
  const result = await fc.check(
    fc.asyncProperty(sequences(options), async (operations) => {
      const differences = await runSequence(broker, operations, engine);
      if (differences.length > 0) throw new Error(differences.join("\n"));
    }),
    { seed, numRuns: runs },
  );
  if (!result.failed) return undefined;
  const [operations = []] = result.counterexample ?? [];
  const { errorInstance: error } = result;
  return [
    `${broker}: seed ${seed}, run ${result.numRuns}, ${result.numShrinks} shrinks`,
    error instanceof Error ? error.message : String(error),
    `npm run model -- --broker ${broker} --replay '${JSON.stringify(operations)}'`,
  ].join("\n");
}
