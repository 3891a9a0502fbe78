/**
 * Alternating rounds: each subject once a round, in an order that turns by one from round to round, so that the
 * machine's other work and its warmth hit all alike. A round for warming up goes before and is thrown away.
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
