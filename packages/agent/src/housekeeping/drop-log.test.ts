import { counterName, deadLetter, queueNames } from "@chouette-iot/queue";
import { MemoryStore } from "@chouette-iot/queue/memory";
import { milliseconds, seconds } from "@chouette-iot/record";
import { expect, test } from "vitest";
import { ManualClock } from "../../../../tests/support/manual-clock.js";
import type { Log } from "../runtime/log.js";
import { runDropLog } from "./drop-log.js";

test("drops are logged once a minute at most, with how many and why, and nothing else is", async () => {
  const clock = new ManualClock(1_700_000_000_000);
  const [store, queues] = [new MemoryStore(), queueNames()];
  const lines: unknown[] = [];
  const ignore = () => {};
  const log: Log = { debug: ignore, info: ignore, error: ignore, warn: (fields) => lines.push(fields) };
  const ending = new AbortController();
  const running = runDropLog({ store, queues, clock, log }, ending.signal);
  const drop = (reason: string, at: number, count: number) =>
    store.settle({
      add: [
        {
          queue: queues.rejected,
          records: [deadLetter({ reason, queue: queues.rawMetrics, at: seconds(at), value: "{}" })],
        },
      ],
      count: new Map([
        [counterName(queues.rawMetrics, "rejected"), count],
        [counterName(queues.rawMetrics, "aggregated"), 7],
      ]),
    });
  await clock.advance(milliseconds(60_000));
  await drop("no name", 1_700_000_061, 1);
  await drop("no value", 1_700_000_062, 1);
  await drop("no name", 1_700_000_063, 1);
  expect(lines).toEqual([]);
  await clock.advance(milliseconds(60_000));
  const counter = counterName(queues.rawMetrics, "rejected");
  expect(lines).toEqual([{ dropped: { [counter]: 3 }, reasons: { "no name": 2, "no value": 1 } }]);
  await clock.advance(milliseconds(60_000));
  expect(lines).toHaveLength(1);
  await drop("no tags", 1_700_000_181, 1);
  await clock.advance(milliseconds(60_000));
  expect(lines.slice(1)).toEqual([{ dropped: { [counter]: 1 }, reasons: { "no tags": 1 } }]);
  ending.abort();
  await clock.advance(milliseconds(1));
  await running;
});
