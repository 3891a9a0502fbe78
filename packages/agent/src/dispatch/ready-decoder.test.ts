import { describe, expect, it } from "vitest";
import { readyDecoder } from "./ready-decoder.js";

const decode = readyDecoder(["Env:Live", "zone:a"]);
const text = (tags: readonly string[]) =>
  JSON.stringify({ metric: "m", type: "gauge", tags, points: [[10, 1]] });
const tagsOf = (id: string, tags: readonly string[]) => {
  const decoded = decode(text(tags), id);
  return decoded.ok ? decoded.value.tags : decoded.reason;
};

describe("the global tags", () => {
  it.each([
    "1000.0.3",
    "1000.0.3~5f0a",
    "collect.0a1b.7",
    "self.0a1b.7~5f0a~77",
  ])("aren't added to what the agent itself made: it has those of its time (%s)", (id) => {
    expect(tagsOf(id, ["a:b"])).toEqual(["a:b"]);
  });

  it.each([
    "f47ac10b-58cc-4372-a567-0e02b2c3d479",
    "1000.0",
    "1000.0.3x",
    "collect.",
    "",
  ])("are added, each once, to what another program left (%s)", (id) => {
    expect(tagsOf(id, ["a:b"])).toEqual(["a:b", "env:live", "zone:a"]);
    expect(tagsOf(id, ["zone:a", "env:live"])).toEqual(["env:live", "zone:a"]);
  });

  it("don't matter to what is no ready metric", () => {
    expect(decode("{}", "any")).toMatchObject({ ok: false });
  });
});
