/** Well-behaved clients that count beside the fuzzers: each of their counts must arrive once. */
import { once } from "node:events";
import { connect } from "node:net";
import { ChouetteClient } from "chouette-iot-client";

/** The metric that they count. */
export const GOOD = "good.count";

export interface GoodClient {
  /** Resolves with the sum of the counts that must arrive. */
  stop(): Promise<number>;
}

/** Counts by DogStatsD over a Unix stream. Its stop resolves with the number that the agent has read. */
export function startGoodStream(path: string): GoodClient {
  const socket = connect(path);
  const packet = Buffer.from(`....${GOOD}:1|c`);
  packet.writeUInt32LE(packet.length - 4);
  let sent = 0;
  const timer = setInterval(() => {
    socket.write(packet);
    sent++;
  }, 5);
  let stopped: Promise<number> | undefined;
  const stop = async () => {
    clearInterval(timer);
    const closed = once(socket, "close");
    socket.end().resume();
    await closed;
    return sent;
  };
  return {
    stop: () => {
      stopped ??= stop();
      return stopped;
    },
  };
}

/** Counts 1 every few milliseconds with the client. Its stop resolves with the number stored. */
export function startGoodClient(port: number): GoodClient {
  const client = new ChouetteClient({
    port,
    bufferRecords: 100_000,
    answerTimeoutMs: 10_000,
    exitSignals: false,
  });
  const answers: Promise<boolean>[] = [];
  const timer = setInterval(() => answers.push(client.count(GOOD, 1)), 5);
  let stopped: Promise<number> | undefined;
  const stop = async () => {
    clearInterval(timer);
    await client.flush();
    const stored = await Promise.all(answers);
    await client.close();
    if (stored.includes(false))
      throw new Error(`the client lost ${stored.filter((each) => !each).length} records`);
    return stored.length;
  };
  return {
    stop: () => {
      stopped ??= stop();
      return stopped;
    },
  };
}
