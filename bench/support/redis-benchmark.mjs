/** redis-benchmark, the tool that comes with Redis: what a broker takes from a program that does nothing but send. */
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { recordsIn, tagsOf, textOf } from "../subjects/records.mjs";

const CONNECTIONS = 4;
/** Replaced by a random number of 12 digits at each place in each request. */
const RANDOM = "__rand_int__";
/** The greatest that it takes. Of a million ids some hundreds come twice. */
const RANGE = 2 ** 31 - 1;

/**
 * Stores records as the client does, as ids and then as values: it sends one command over and over and can't put two into a
 * MULTI. Four requests are under way, each with a batch of records.
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
