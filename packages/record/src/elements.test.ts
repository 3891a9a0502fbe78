import { expect, it } from "vitest";
import { decodeElements } from "./elements.js";
import { parseSources } from "./json.js";

function read(json: string) {
  let asked = 0;
  const answer = decodeElements(JSON.parse(json), () => {
    asked++;
    return parseSources(json);
  });
  return { answer, asked };
}

it("scalars are compared as in Python: true and 1.0 are 1, a text is another; anything else by its JSON", () => {
  expect(read('["1", 1, 1.0, 1.5, true, false, -0.0, null, [1, "a"], {"a": null}]')).toEqual({
    answer: { elements: ["1", 1, 1, 1.5, 1, 0, 0, null, '[1,"a"]', '{"a":null}'] },
    asked: 0,
  });
});

it("a whole number beyond those of a double is exact; with a fraction or an exponent it is the double's value", () => {
  const json = "[9007199254740993, 9007199254740992.0, 1e20, -9007199254740993, 5, 9007199254740991]";
  expect(read(json)).toEqual({
    answer: {
      elements: [9007199254740993n, 9007199254740992n, 10n ** 20n, -9007199254740993n, 5, 9007199254740991],
    },
    // The sources of all elements are read once.
    asked: 1,
  });
});

it("a number that isn't finite, or has more digits than Python reads, is refused, with its place", () => {
  expect(read(`[1, ${"9".repeat(4_300)}]`).answer).toHaveProperty("elements.1", BigInt("9".repeat(4_300)));
  for (const number of ["9".repeat(4_301), "1e400", "-1e400", `${"9".repeat(4_000)}.5`])
    expect(read(`[1, ${number}]`).answer).toEqual({
      ok: false,
      reason: expect.stringMatching(/^value\[1\] should be a number that is finite/),
    });
});
