import { expect, it } from "vitest";
import { decodeLog } from "./log.js";

const decoded = (fields: object) => decodeLog(JSON.stringify({ message: "m", ...fields }));

it("a message is a text or an object, an empty one too, and everything else is kept", () => {
  for (const message of ["m", "", { msg: "m" }, {}, ["m"]])
    expect(decoded({ message, ddtags: ["a:b"], level: 5, extra: { a: null } })).toEqual({
      ok: true,
      value: { message, ddtags: ["a:b"], level: 5, extra: { a: null } },
    });
  for (const message of [undefined, null, 5, true])
    expect(decoded({ message })).toMatchObject({
      ok: false,
      reason: expect.stringMatching(/^message should be/),
    });
});

it("tags are a list of any scalars and objects, a text with commas, or none", () => {
  for (const [given, tags] of [
    [undefined, []],
    [null, []],
    ["", []],
    [" a:b , ,c", ["a:b", "c"]],
    [
      ["a:b", " c ", "", 5, true, null, { d: [1] }],
      ["a:b", "c", "5", "true", "null", '{"d":[1]}'],
    ],
    [[], []],
  ] as const)
    expect(decoded({ ddtags: given })).toEqual({ ok: true, value: { message: "m", ddtags: tags } });
  for (const ddtags of [5, true, { a: "b" }])
    expect(decoded({ ddtags })).toMatchObject({
      ok: false,
      reason: expect.stringMatching(/^ddtags should be/),
    });
});
