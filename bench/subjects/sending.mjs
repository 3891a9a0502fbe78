/**
 * An application that sends gauges at a steady rate, each with a distinct value, and records the times of calls and
 * answers.
 */
import { pathToFileURL } from "node:url";
import { answer } from "../suite/child.mjs";
import { wallClock } from "../support/wall-clock.mjs";
import { callAtPace } from "./pace.mjs";

const METRIC = "my.latency";
/** Two seconds of calls: no context is called twice in a second, so that no value replaces another. */
const CONTEXTS_A_RATE = 2;
/** On a busy machine a late answer is a result, not a failure. */
const MAX_ANSWER_MS = 30_000;

answer({
  /** @returns by call: when it was made and when its record was stored, in milliseconds since the epoch */
  send: async ({ root, port, options, rate, seconds }) => {
    const { ChouetteClient } = await import(pathToFileURL(`${root}/packages/client/dist/index.js`).href);
    const client = new ChouetteClient({
      port,
      cardinalityLimit: 2 * CONTEXTS_A_RATE * rate,
      answerTimeoutMs: MAX_ANSWER_MS,
      ...options,
    });
    // The first call connects.
    await client.increment("my.warm-up");
    const tags = Array.from({ length: CONTEXTS_A_RATE * rate }, (_, slot) => ({ slot: `${slot}` }));
    const called = new Float64Array(rate * seconds);
    const stored = new Float64Array(rate * seconds);
    await callAtPace(rate, seconds, (n) => {
      called[n] = wallClock();
      client.gauge(METRIC, n, { tags: tags[n % tags.length] }).then((isStored) => {
        if (isStored) stored[n] = wallClock();
      });
    });
    await client.close();
    return { called, stored };
  },
});
