import { describe, expect, it } from "vitest";
import { flagMetrics, parseFrequency, parseThrottled, parseVoltage } from "./vcgencmd.js";

describe("vcgencmd", () => {
  it("tells what holds now and what held since boot, each condition as 0 or 1", () => {
    const flags = parseThrottled("throttled=0x50005\n");
    const set = flagMetrics(flags).filter(({ value }) => value === 1);
    expect(set.map(({ name, tags }) => `${name} ${tags?.when}`)).toEqual([
      "Chouette.pi.under_voltage now",
      "Chouette.pi.under_voltage since_boot",
      "Chouette.pi.throttled now",
      "Chouette.pi.throttled since_boot",
    ]);
    expect(flagMetrics(0).map(({ value }) => value)).toEqual([0, 0, 0, 0, 0, 0, 0, 0]);
  });

  it("gives clocks in hertz and voltages in volts", () => {
    expect(parseFrequency("frequency(48)=1500345728\n")).toBe(1_500_345_728);
    expect(parseVoltage("volt=0.8625V\n")).toBe(0.8625);
  });

  it("is not believed where it answers something else", () => {
    expect(() => parseVoltage("VCHI initialization failed\n")).toThrow("VCHI initialization failed");
  });
});
