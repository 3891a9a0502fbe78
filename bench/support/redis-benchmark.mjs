/** redis-benchmark, the tool that comes with Redis: how much a broker accepts from a program that only sends. */
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { recordsIn, tagsOf, textOf } from "../subjects/records.mjs";

const CONNECTIONS = 4;
/** Replaced by a random number of 12 digits at each place in each request. */
const RANDOM = "__rand_int__";
/** Its maximum. Of a million ids, some hundreds are duplicates. */
const RANGE = 2 ** 31 - 1;

/**
 * Stores records like the client, but ids first and then values, since it can only repeat one command and not combine
 * two in a MULTI. Four requests are in flight, each with a batch of records.
 *
 * @param {number} port
 * @param {{ records: number, recordBytes: number }} work
 * @returns {Promise<{ seconds: number, records: number }>} of both commands together
 */
export async function redisBenchmark(port, { records, recordBytes }) {
  const batch = recordsIn(recordBytes);
  const requests = Math.ceil(records / batch);
  const text = textOf(tagsOf(1, recordBytes)[0]);
  const each = (argument) => Array.from({ length: batch }, argument).flat();
  const score = `${Date.now() / 1000}`;
  const keys = ["ZADD", "chouette:metrics:raw.keys", ...each(() => [score, `bench-${RANDOM}`])];
  const values = ["HSET", "chouette:metrics:raw.values", ...each(() => [`bench-${RANDOM}`, text])];
  const seconds = (await run(port, requests, keys)) + (await run(port, requests, values));
  return { seconds, records: requests * batch };
}

async function run(port, requests, command) {
  const options = ["-p", `${port}`, "-c", `${CONNECTIONS}`, "-n", `${requests}`, "-r", `${RANGE}`, "--csv"];
  const { stdout } = await promisify(execFile)("redis-benchmark", [...options, ...command], {
    maxBuffer: 2 ** 26,
  });
  const [, requestsASecond] = /","([\d.]+)","[\d.]+","[\d.]+"/.exec(stdout) ?? [];
  if (requestsASecond === undefined) throw new Error(`redis-benchmark said nothing to use: ${stdout}`);
  return requests / Number(requestsASecond);
}
