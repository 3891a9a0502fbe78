/**
 * The refusals of one release, from its first batch to its last: decides whether an answer that refuses is about the
 * records.
 *
 * A middlebox may answer 400, 413 or 451 to everything. So a refusal counts only if the output accepts something else: a
 * record that is refused alone becomes a suspect, is sent once more after another record was accepted, and becomes a dead
 * letter if it is refused again. If nothing is accepted, the release ends and is retried later.
 *
 * Promises: the number of requests that a release spends on refusals is bounded. Suspects are few, and each is suspected
 * once, although a release reads the queue twice; a suspect that is accepted meanwhile is cleared.
 */
import type { Position } from "@chouette-iot/queue";

/** Refusals in one release; a search for one record among thousands takes about a dozen. */
const MAX_REFUSALS = 256;
/** Refusals in a row, on top of the depth of a search, after which the answer isn't taken to be about the records. */
const MORE_THAN_A_SEARCH = 3;
/** Batches in a row that may be refused as a whole after something was accepted: all their records may be invalid. */
const MAX_SKIPPED_BATCHES = 3;
/** The queue's last records have nothing after them that could be accepted: so many of them may become dead letters. */
const MAX_SUSPECTS_AT_END = 3;

export interface Suspect<E> {
  readonly entry: E;
  /** The answer when it was refused alone. */
  readonly reason: string;
}

export class Release<E extends Position> {
  #hasAccepted = false;
  #refusals = 0;
  /** Since a batch was last accepted: the number of refusals, and the depth of a search through the largest refused batch. */
  #refusalsInARow = 0;
  #searchDepth = 0;
  #skippedBatches = 0;
  #lastReason = "";
  /** By place in the queue. */
  readonly #suspects = new Map<string, Suspect<E>>();
  /** Places of suspects that were sent once more. */
  readonly #decided = new Set<string>();

  accepted(entries: readonly E[]): void {
    if (this.#suspects.size > 0) for (const entry of entries) this.#suspects.delete(placeOf(entry));
    this.#hasAccepted = true;
    this.#refusalsInARow = 0;
    this.#searchDepth = 0;
    this.#skippedBatches = 0;
  }

  /** @param records how many were in the batch */
  refused(reason: string, records: number): void {
    this.#searchDepth = Math.max(this.#searchDepth, Math.ceil(Math.log2(records)) + 1);
    this.#refusals += 1;
    this.#refusalsInARow += 1;
    this.#lastReason = reason;
  }

  suspect(entry: E, reason: string): void {
    const place = placeOf(entry);
    if (!this.#decided.has(place)) this.#suspects.set(place, { entry, reason });
  }

  /** Removes and returns the suspects to be sent again; empty until something was accepted. */
  takeSuspects(): readonly Suspect<E>[] {
    if (!this.#hasAccepted) return [];
    const suspects = [...this.#suspects.values()];
    for (const place of this.#suspects.keys()) this.#decided.add(place);
    this.#suspects.clear();
    return suspects;
  }

  /**
   * Call at the end of the queue, after which nothing may follow that could be accepted: drops all but a few suspects, which
   * another pass or release finds again.
   */
  endOfQueue(): void {
    const tooMany = [...this.#suspects.keys()].slice(MAX_SUSPECTS_AT_END);
    for (const place of tooMany) this.#suspects.delete(place);
  }

  /** The reason, once so much was refused in a row that the answers can't be about the records; undefined until then. */
  get refusesEverything(): string | undefined {
    if (this.#refusalsInARow === 0) return undefined;
    const depth = this.#searchDepth;
    const limit = this.#hasAccepted
      ? // One search may end with as many refusals as the next begins with.
        2 * depth + MORE_THAN_A_SEARCH
      : // Two single records are tried.
        Math.min(2 * depth, depth + MORE_THAN_A_SEARCH);
    return this.#refusalsInARow < limit ? undefined : this.#everythingIsRefused();
  }

  /** Skips a batch that is refused as a whole, so that it doesn't block those after it. False if too many were skipped. */
  skipBatch(): boolean {
    this.#refusalsInARow = 0;
    this.#searchDepth = 0;
    this.#skippedBatches += 1;
    return this.#hasAccepted && this.#skippedBatches <= MAX_SKIPPED_BATCHES;
  }

  /** The same at the end of the release, when no other record is left that could be accepted. */
  get hasRefusedEverything(): string | undefined {
    return this.#hasAccepted || this.#refusals === 0 ? undefined : this.#everythingIsRefused();
  }

  /** Whether more requests may be spent on finding refused records. */
  get maySearch(): boolean {
    return this.#refusals < MAX_REFUSALS;
  }

  #everythingIsRefused(): string {
    return `everything is refused: ${this.#lastReason}`;
  }
}

function placeOf({ score, id }: Position): string {
  return `${score} ${id}`;
}
