/**
 * The conformance suite: a test for each promise of `packages/queue/src/store.ts`. Every engine must pass all of them.
 */
import { afterEach, beforeEach, describe, it } from "vitest";
import { appendPromises } from "./append-promises.js";
import { clientPromises } from "./client-promises.js";
import { expectToDoAsTheModel } from "./model.js";
import { readPromises } from "./read-promises.js";
import { expirePromises, settlePromises } from "./settle-promises.js";
import type { Subject } from "./subject.js";

export interface Conformance {
  /** An empty store. */
  newSubject(): Promise<Subject>;
  /** Whether clients can write directly to this engine. */
  readonly hasClients: boolean;
  /** Number of random sequences that are compared with the model. */
  readonly sequences: number;
}

export function describeConformance(
  engine: string,
  { newSubject, hasClients, sequences }: Conformance,
): void {
  describe(engine, () => {
    let subject: Subject;
    beforeEach(async () => {
      subject = await newSubject();
    });
    afterEach(() => subject.close());

    describe("append", () => appendPromises(() => subject));
    describe("read", () => readPromises(() => subject));
    describe("settle", () => settlePromises(() => subject));
    describe("expire", () => expirePromises(() => subject));
    if (hasClients) describe("what clients store apart", () => clientPromises(() => subject));
    it("does as a plain model does, whatever the order of calls", async () => {
      await expectToDoAsTheModel(newSubject, sequences);
    }, 120_000);
  });
}
