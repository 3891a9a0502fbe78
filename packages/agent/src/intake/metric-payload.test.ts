import { seconds } from "@chouette-iot/record";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { encodeMetricPayload } from "../outputs/series-protobuf.js";
import { readMetricPayload } from "./metric-payload.js";

const good = encodeMetricPayload(
  [
    {
      metric: "engine.rpm",
      type: "rate",
      tags: ["zone:a"],
      points: [[seconds(1_700_000_000), 1.5]],
      interval: seconds(10),
    },
  ],
  "owl",
);

/** A field with its own body: fewer than 128 bytes. */
const field = (number: number, body: Buffer) =>
  Buffer.concat([Buffer.from([(number << 3) | 2, body.length]), body]);
const hex = (text: string) => Buffer.from(text.replaceAll(" ", ""), "hex");

describe("the reader of a metric payload", () => {
  it("skips fields that it doesn't know, of every wire type", () => {
    const unknown = hex("50 96 01" + "59 0000000000000000" + "62 02 6869" + "6d 00000000");
    const before = field(1, Buffer.concat([unknown, good.subarray(2)]));
    expect(readMetricPayload(Buffer.concat([unknown, before, unknown]))).toEqual(readMetricPayload(good));
  });

  it("skips a known field with another wire type", () => {
    const metricAsNumber = hex("10 05");
    const series = field(1, Buffer.concat([good.subarray(2), metricAsNumber]));
    expect(readMetricPayload(series)).toEqual(readMetricPayload(good));
  });

  it("takes resources other than the host for nothing", () => {
    const device = field(1, Buffer.concat([field(1, Buffer.from("device")), field(2, Buffer.from("sda"))]));
    const series = field(1, Buffer.concat([good.subarray(2), device]));
    expect(readMetricPayload(series)).toEqual(readMetricPayload(good));
  });

  it.each([
    ["an inner length beyond the end", hex("0a 05 12"), "5 bytes should follow, but there are 1"],
    ["a number without end", hex("28 ff ff ff ff ff ff ff ff ff ff ff"), "the number at byte 1 has no end"],
    ["a number cut off", hex("28 ff"), "1 bytes should follow, but there are 0"],
    ["a negative length", hex("0a ff ff ff ff ff ff ff ff ff 01"), "-1 bytes should follow"],
    ["a group", hex("0b"), "the wire type 3 before byte 1 is unknown"],
    ["a field 0", hex("02 00"), "there is a field 0"],
    ["text that is not UTF-8", field(1, field(2, hex("ff"))), "the text at byte 4 is not UTF-8"],
    ["a cut double", field(1, field(4, hex("09 00 00"))), "8 bytes should follow, but there are 2"],
    ["JSON", Buffer.from('{"series":[]}'), "is unknown"],
  ])("refuses %s with the reason", (_, bytes, reason) => {
    expect(readMetricPayload(bytes)).toMatchObject({ ok: false, reason: expect.stringContaining(reason) });
  });

  it("says of a series that breaks a rule which one and why", () => {
    const nameless = field(1, field(4, hex("10 05")));
    expect(readMetricPayload(Buffer.concat([good, nameless]))).toMatchObject({
      ok: false,
      reason: expect.stringMatching(/^series\[1\].*metric should be/),
    });
  });

  it("refuses a type number beyond the known ones", () => {
    const series = field(1, Buffer.concat([good.subarray(2), hex("28 09")]));
    expect(readMetricPayload(series)).toMatchObject({
      ok: false,
      reason: expect.stringContaining("but is 9"),
    });
  });

  it("answers to any bytes with series or a reason", () => {
    const mutilated = fc
      .tuple(fc.nat(good.length - 1), fc.nat(255))
      .map(([at, byte]) => Buffer.concat([good.subarray(0, at), Buffer.from([byte]), good.subarray(at + 1)]));
    const any = fc.oneof(
      fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
      mutilated,
    );
    fc.assert(
      fc.property(any, (bytes) => {
        const read = readMetricPayload(bytes);
        expect(read.ok ? read.value : read.reason).toBeDefined();
      }),
      { numRuns: 2000 },
    );
  });

  it("refuses every payload that is cut within its one series", () => {
    for (let length = 1; length < good.length; length++) {
      expect(readMetricPayload(good.subarray(0, length)).ok).toBe(false);
    }
  });
});
