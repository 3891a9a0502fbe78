/** Collects the body of an answer, up to a limit. */

/** Intakes' answers are much shorter. */
const MAX_ANSWER_BYTES = 64 * 1024;

export class AnswerText {
  readonly #parts: Buffer[] = [];
  #bytes = 0;

  get bytes(): number {
    return this.#bytes;
  }

  /** @returns whether more may be read */
  add(part: Buffer): boolean {
    this.#parts.push(part);
    this.#bytes += part.length;
    return this.#bytes <= MAX_ANSWER_BYTES;
  }

  toString(): string {
    return Buffer.concat(this.#parts).toString();
  }
}
