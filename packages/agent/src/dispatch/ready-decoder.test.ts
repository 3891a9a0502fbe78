import { describe, expect, it } from "vitest";
import { forwardedId } from "../runtime/ready-ids.js";
import { checkDecoder, eventDecoder, logDecoder, readyDecoder } from "./ready-decoder.js";

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
    "f47ac10b-58cc-4372-a567-0e02b2c3d479@aZ09-_aZ",
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

describe("logs, events and service checks", () => {
  const decoders = {
    log: { decode: logDecoder(["zone:a"]), text: { message: "m", ddtags: ["a:b"], host: "far" } },
    event: {
      decode: eventDecoder(["zone:a"]),
      text: { title: "t", text: "", date_happened: 1, tags: ["a:b"] },
    },
    check: { decode: checkDecoder(["zone:a"]), text: { check: "c", status: 0, timestamp: 1, tags: ["a:b"] } },
  };
  const tagsAfter = (kind: keyof typeof decoders, id: string) => {
    const { decode, text } = decoders[kind];
    const decoded = decode(JSON.stringify(text), id);
    const value: Readonly<Record<string, unknown>> = decoded.ok ? { ...decoded.value } : {};
    return value[kind === "log" ? "ddtags" : "tags"];
  };

  it.each([
    "log",
    "event",
    "check",
  ] as const)("get the global tags here, unless another agent sent it: %s", (kind) => {
    expect(tagsAfter(kind, "any")).toEqual(["a:b", "zone:a"]);
    expect(tagsAfter(kind, forwardedId("any", "12345678"))).toEqual(["a:b"]);
  });

  it("a log is of this host, unless another agent sent it", () => {
    const { decode, text } = decoders.log;
    expect(decode(JSON.stringify(text), "any")).not.toHaveProperty("value.host");
    expect(decode(JSON.stringify(text), forwardedId("any", "12345678"))).toHaveProperty("value.host", "far");
  });
});
