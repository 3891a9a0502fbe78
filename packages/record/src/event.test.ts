import { describe, expect, it } from "vitest";
import { decodeEvent, decodeServiceCheck } from "./event.js";

const EVENT = {
  title: "Pump",
  text: "stopped",
  date_happened: 1_000,
  host: "pi",
  tags: ["zone:a"],
  priority: "low",
  alert_type: "error",
  aggregation_key: "pump",
  source_type_name: "greenhouse",
};
const CHECK = {
  check: "pump.ok",
  status: 2,
  timestamp: 1_000,
  host_name: "pi",
  tags: ["zone:a"],
  message: "stopped",
};

describe("an event", () => {
  it("has the fields that were stored", () => {
    expect(decodeEvent(JSON.stringify(EVENT))).toEqual({ ok: true, value: EVENT });
  });

  it("needs a title, a text and a time", () => {
    const { title, text, date_happened } = EVENT;
    const least = { title, text, date_happened };
    expect(decodeEvent(JSON.stringify(least))).toEqual({ ok: true, value: { ...least, tags: [] } });
    for (const name of Object.keys(least))
      expect(decodeEvent(JSON.stringify({ ...least, [name]: undefined }))).toMatchObject({
        ok: false,
        reason: expect.stringContaining(name),
      });
  });

  it.each([
    ["title", ""],
    ["text", 1],
    ["date_happened", "today"],
    ["tags", "zone:a"],
    ["tags", [1]],
    ["priority", "urgent"],
    ["alert_type", "fatal"],
  ])("is refused with the %s %j", (name, value) => {
    expect(decodeEvent(JSON.stringify({ ...EVENT, [name]: value }))).toMatchObject({
      ok: false,
      reason: expect.stringContaining(name),
    });
  });

  it("is stored without optional fields that are empty or no text", () => {
    const { host, aggregation_key, source_type_name, ...rest } = EVENT;
    expect(host + aggregation_key + source_type_name).not.toBe("");
    const text = JSON.stringify({ ...rest, host: "", aggregation_key: 1, source_type_name: null });
    expect(decodeEvent(text)).toEqual({ ok: true, value: rest });
  });
});

describe("a service check", () => {
  it("has the fields that were stored, whatever its status", () => {
    for (const status of [0, 1, 2, 3])
      expect(decodeServiceCheck(JSON.stringify({ ...CHECK, status }))).toEqual({
        ok: true,
        value: { ...CHECK, status },
      });
    const { tags, host_name, message, ...least } = CHECK;
    expect([tags, host_name, message]).not.toContain(undefined);
    expect(decodeServiceCheck(JSON.stringify(least))).toEqual({ ok: true, value: { ...least, tags: [] } });
  });

  it.each([
    ["check", ""],
    ["status", 4],
    ["status", "2"],
    ["timestamp", {}],
    ["tags", { zone: "a" }],
  ])("is refused with the %s %j", (name, value) => {
    expect(decodeServiceCheck(JSON.stringify({ ...CHECK, [name]: value }))).toMatchObject({
      ok: false,
      reason: expect.stringContaining(name),
    });
  });
});
