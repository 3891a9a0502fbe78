import { expect, it } from "vitest";
import { decodeRejected, encodeRejected, type Rejected } from "./rejected.js";
import { seconds } from "./time.js";

const letter: Rejected = { reason: "no name", queue: "q", at: seconds(5.5), id: "i", value: "{}" };

it("a dead letter is read as it was written, with or without an id and a value", () => {
  for (const written of [letter, { ...letter, id: undefined }, { ...letter, value: null }])
    expect(decodeRejected(encodeRejected(written))).toEqual(written);
});

it.each(["reason", "queue", "at", "value"])("without %s, or with another kind of it, it is none", (name) => {
  for (const wrong of [undefined, 5, "5", {}, []]) {
    const isRight = typeof wrong === (name === "at" ? "number" : "string");
    expect(decodeRejected(JSON.stringify({ ...letter, [name]: wrong })) !== undefined).toBe(isRight);
  }
});

it("any other text is none; an id that is no text is left out", () => {
  for (const text of ["", "null", "5", "[]", "{", '"text"']) expect(decodeRejected(text)).toBeUndefined();
  expect(decodeRejected(JSON.stringify({ ...letter, id: 7 }))).toEqual({ ...letter, id: undefined });
});
