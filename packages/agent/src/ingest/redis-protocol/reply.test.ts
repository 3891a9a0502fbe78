import { expect, it } from "vitest";
import { encodeReply, failure, isFailure, lengthOf, list, NO_LIST, OK, quote, type Reply } from "./reply.js";

const cases: readonly (readonly [reply: Reply, resp2: string, resp3: string])[] = [
  [{ kind: "status", text: "OK" }, "+OK\r\n", "+OK\r\n"],
  ["é", "$2\r\né\r\n", "$2\r\né\r\n"],
  ["", "$0\r\n\r\n", "$0\r\n\r\n"],
  [-7, ":-7\r\n", ":-7\r\n"],
  [null, "$-1\r\n", "_\r\n"],
  [{ kind: "score", value: 1.5 }, "$3\r\n1.5\r\n", ",1.5\r\n"],
  [NO_LIST, "*-1\r\n", "_\r\n"],
  [{ kind: "score", value: 0 }, "$1\r\n0\r\n", ",0\r\n"],
  [{ kind: "score", value: Infinity }, "$3\r\ninf\r\n", ",inf\r\n"],
  [{ kind: "score", value: -Infinity }, "$4\r\n-inf\r\n", ",-inf\r\n"],
  [list([1, list([]), null]), "*3\r\n:1\r\n*0\r\n$-1\r\n", "*3\r\n:1\r\n*0\r\n_\r\n"],
  [{ kind: "map", entries: [["a", 1]] }, "*2\r\n$1\r\na\r\n:1\r\n", "%1\r\n$1\r\na\r\n:1\r\n"],
  [failure("ERR two\r\n+OK lines"), "-ERR two +OK lines\r\n", "-ERR two +OK lines\r\n"],
];

/** A reply has a character for each byte. */
function asText(wire: string): string {
  return Buffer.from(wire, "latin1").toString();
}

it.each(cases)("writes %j in both protocols", (reply, resp2, resp3) => {
  expect(asText(encodeReply(reply, 2))).toBe(resp2);
  expect(asText(encodeReply(reply, 3))).toBe(resp3);
});

it("shows what a client sent in one short line", () => {
  expect(quote("a\r\n\u0007é")).toBe("'a????'");
  expect(quote("x".repeat(64))).toBe(`'${"x".repeat(64)}'`);
  expect(quote("x".repeat(65))).toBe(`'${"x".repeat(64)}...'`);
});

it("recognises a failure among other replies", () => {
  expect(isFailure(failure("ERR"))).toBe(true);
  for (const other of [undefined, null, "", "failure", 0, list([]), OK, NO_LIST])
    expect(isFailure(other)).toBe(false);
});

it.each<readonly [Reply, number]>([
  ["", 0],
  ["four", 4],
  [list(["four", "", list(["x", "yz"])]), 7],
  [list([]), 0],
  [list([1, null, OK]), 3],
])("takes as many characters as its texts, and about one for anything else: %j", (reply, length) => {
  expect(lengthOf(reply)).toBe(length);
});
