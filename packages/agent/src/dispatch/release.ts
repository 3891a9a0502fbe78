/**
 * One release, from the first batch to the last, as far as refusals go: whether an answer that refuses is about the
 * records.
 *
 * A middlebox answers 400, 413 or 451 to everything. So a record is refused only if the output takes something else:
 * one that is refused alone becomes a suspect, is sent once more after another record was accepted, and is a dead
 * letter if it is refused again. If nothing is accepted, nothing is refused: the release ends and is retried later.
 *
 * Promises: the requests that a release spends on refusals are bounded, whatever answers. Suspects are few, and each is
 * suspected once, though a release goes through the queue twice: what is accepted meanwhile is none any more.
 */
import type { Position } from "@chouette-iot/queue";

/** Answers that refuse in one release: a search for one record among thousands takes about a dozen. */
const MAX_REFUSALS = 256;
/** Refusals in a row beyond the depth of a search, after which the answer isn't about the records. */
const MORE_THAN_A_SEARCH = 3;
/** Batches in a row that may be refused beyond a search, after something was accepted: they may be refused in truth. */
const MAX_SKIPPED_BATCHES = 3;
/** So many that are refused last, with nothing accepted after them, may each be refused in truth. */
const MAX_SUSPECTS_AT_END = 3;

export interface Suspect<E> {
  readonly entry: E;
  /** What was answered when it was refused alone. */
  readonly reason: string;
}

export class Release<E extends Position> {
  #hasAccepted = false;
  #refusals = 0;
  /** Since something was accepted: how many, and how many a search through the largest batch of them takes. */
  #refusalsInARow = 0;
  #searchDepth = 0;
  #skippedBatches = 0;
  #lastReason = "";
  /** By their places in the queue. */
  readonly #suspects = new Map<string, Suspect<E>>();
  /** Those that were suspects and were sent once more. */
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

  /** Those that are to be sent again, since something else was accepted; none otherwise. They are forgotten here. */
  takeSuspects(): readonly Suspect<E>[] {
    if (!this.#hasAccepted) return [];
    const suspects = [...this.#suspects.values()];
    for (const place of this.#suspects.keys()) this.#decided.add(place);
    this.#suspects.clear();
    return suspects;
  }

  /**
   * At the end of the queue, where nothing may follow that could be accepted: all but a few suspects wait for another
   * pass or release, which finds them again.
   */
  endOfQueue(): void {
    const tooMany = [...this.#suspects.keys()].slice(MAX_SUSPECTS_AT_END);
    for (const place of tooMany) this.#suspects.delete(place);
  }

  /** Why the answers say nothing of the records; undefined while they may. */
  get refusesEverything(): string | undefined {
    if (this.#refusalsInARow === 0) return undefined;
    const depth = this.#searchDepth;
    const limit = this.#hasAccepted
      ? // One search may end with as many refusals as the next begins with.
        2 * depth + MORE_THAN_A_SEARCH
      : // Of single records, two are asked about.
        Math.min(2 * depth, depth + MORE_THAN_A_SEARCH);
    return this.#refusalsInARow < limit ? undefined : this.#everythingIsRefused();
  }

  /** Leaves a batch of which everything is refused, so that it doesn't block what is behind it. False if that is over. */
  skipBatch(): boolean {
    this.#refusalsInARow = 0;
    this.#searchDepth = 0;
    this.#skippedBatches += 1;
    return this.#hasAccepted && this.#skippedBatches <= MAX_SKIPPED_BATCHES;
  }

  /** The same at the release's end, when no other record is left that could be accepted. */
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
