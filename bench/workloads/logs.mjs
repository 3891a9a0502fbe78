/**
 * Logs of a web service, three a second: nine kinds of lines with variable parts.
 *
 * The floor includes each line's time, kind and variable parts; its fixed text counts as known.
 */
import { Source } from "./source.mjs";

const START_MS = 1_795_356_000_000;
const RELEASE_INTERVAL_MS = 60_000;
const MEAN_GAP_MS = 333;
const PATHS = 60;
const USERS = 5_000;

export function serviceLogs(seed, minutes) {
  const source = new Source(seed);
  const releases = [];
  let at = START_MS;
  for (let minute = 1; minute <= minutes; minute++) {
    const end = START_MS + minute * RELEASE_INTERVAL_MS;
    const records = [];
    for (; at < end; at += 1 + source.count(MEAN_GAP_MS)) records.push(line(at, source));
    releases.push({ at: end / 1000, records });
  }
  return {
    title: `A service's logs over ${minutes} min, a release every minute`,
    releases,
    bits: source.bits,
  };
}

function line(at, source) {
  const [level, write] = source.oneOf(KINDS);
  return {
    date: new Date(at).toISOString().replace("Z", "+00:00"),
    ddsource: "nodejs",
    service: "api",
    ddtags: ["env:prod", "version:1.4.2"],
    level,
    message: { msg: write(source) },
  };
}

const path = (source) => `/api/v1/resource${source.below(PATHS)}`;
const user = (source) => `user-${source.below(USERS)}`;
const milliseconds = (source) => `${source.count(40)} ms`;
const requestId = (source) =>
  [0, 1]
    .map(() =>
      source
        .below(2 ** 32)
        .toString(16)
        .padStart(8, "0"),
    )
    .join("");

const KINDS = [
  [
    ["INFO", (source) => `GET ${path(source)} 200 in ${milliseconds(source)}, request ${requestId(source)}`],
    50,
  ],
  [
    ["INFO", (source) => `POST ${path(source)} 201 in ${milliseconds(source)}, request ${requestId(source)}`],
    15,
  ],
  [["INFO", (source) => `session opened for ${user(source)}`], 8],
  [["INFO", (source) => `session closed for ${user(source)} after ${source.count(600)} s`], 7],
  [["DEBUG", (source) => `cache miss for ${path(source)}`], 8],
  [["DEBUG", (source) => `pool has ${source.below(20)} idle connections`], 6],
  [["WARNING", (source) => `slow query: ${source.count(900)} ms on table_${source.below(30)}`], 3],
  [["WARNING", (source) => `${user(source)} was refused ${path(source)}`], 2],
  [["ERROR", (source) => `upstream timed out for request ${requestId(source)}`], 1],
];
