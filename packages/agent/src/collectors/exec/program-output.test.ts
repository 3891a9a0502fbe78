import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseLine, parseOutput } from "./program-output.js";

describe("the output of a program", () => {
  it("is read line by line, as DogStatsD's lines or JSON", () => {
    const output = parseOutput(`# voltage of the supply
ups.charge:0|g|#ups:a,zone:b:c,bare

ups.switches:3|c
{"name":"ups.load","value":12.5,"tags":{"ups":"a"}}
`);
    expect(output).toEqual({
      metrics: [
        { name: "ups.charge", type: "gauge", value: 0, tags: { ups: "a", zone: "b:c", bare: "" } },
        { name: "ups.switches", type: "count", value: 3, tags: {} },
        { name: "ups.load", type: "gauge", value: 12.5, tags: { ups: "a" } },
      ],
      faults: [],
    });
  });

  it("may be one JSON list", () => {
    const { metrics, faults } = parseOutput('[{"name":"a","type":"rate","value":1},\n 3]');
    expect(metrics).toEqual([{ name: "a", type: "rate", value: 1 }]);
    expect(faults).toEqual(["entry 2 of the output isn't a metric"]);
    expect(parseOutput("[broken").faults).toHaveLength(1);
  });

  it("names the lines that are no metrics, and gives the others", () => {
    const { metrics, faults } = parseOutput("a:1|g\nError: no such UPS\nb:x|g\nc:1|h\n{broken\nd:2|g\n");
    expect(metrics.map(({ name }) => name)).toEqual(["a", "d"]);
    expect(faults).toEqual([2, 3, 4, 5].map((line) => `line ${line} of the output isn't a metric`));
  });

  it("never throws, whatever it is", () => {
    fc.assert(fc.property(fc.string(), (text) => void parseOutput(text)));
    fc.assert(fc.property(fc.json(), (text) => void parseOutput(text)));
  });

  it("gives back any number as it was written", () => {
    fc.assert(
      fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (value) => {
        expect(parseLine(`a.metric:${value}|g`)?.value).toBe(Number(`${value}`));
      }),
    );
  });
});
