/**
 * Runs alternating rounds: each subject once per round, in an order that rotates by one each round, so that other load
 * and temperature affect all alike. A warm-up round comes first and is discarded.
 */

/**
 * @template Subject
 * @param {object} plan
 * @param {number} plan.rounds
 * @param {readonly Subject[]} plan.subjects
 * @param {(subject: Subject, round: { isWarmUp: boolean }) => Promise<Readonly<Record<string, number>>>} plan.sample
 * @param {(text: string) => void} plan.say
 * @param {boolean} [plan.warmUp]  false if each sample is a new process' own
 * @returns {Promise<Map<Subject, Record<string, number[]>>>} of each subject its samples by name, one a round
 */
export async function alternate({ rounds, subjects, sample, say, warmUp = true }) {
  /** @type {Map<Subject, Record<string, number[]>>} */
  const samples = new Map();
  for (let round = warmUp ? 0 : 1; round <= rounds; round++) {
    const isWarmUp = round === 0;
    say(isWarmUp ? "warming up" : `round ${round} of ${rounds}`);
    for (let turn = 0; turn < subjects.length; turn++) {
      const subject = subjects[(turn + round) % subjects.length];
      const measured = await sample(subject, { isWarmUp });
      if (isWarmUp) continue;
      const kept = samples.get(subject) ?? {};
      samples.set(subject, kept);
      for (const [name, value] of Object.entries(measured)) {
        kept[name] ??= [];
        kept[name].push(value);
      }
    }
  }
  return samples;
}
