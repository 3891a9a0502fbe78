import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { TEGRASTATS_METRICS } from "../../config/collector-metrics.js";
import { lineMetrics } from "./line.js";

const LINES = {
  nano: "RAM 1459/3964MB (lfb 291x4MB) SWAP 0/1982MB (cached 0MB) IRAM 0/252kB(lfb 252kB) CPU [5%@102,0%@102,0%@102,0%@102] EMC_FREQ 0%@204 GR3D_FREQ 0%@76 APE 25 PLL@18C CPU@21.5C PMIC@100C GPU@20C AO@26.5C thermal@21C POM_5V_IN 1022/1022 POM_5V_GPU 0/0 POM_5V_CPU 160/160",
  tx2: "RAM 2350/7860MB (lfb 1x4MB) CPU [31%@345,off,off,0%@345,0%@345,0%@345] EMC_FREQ 4%@1600 GR3D_FREQ 12%@140 APE 150 BCPU@45C MCPU@45C GPU@44.5C PLL@45C Tboard@40C Tdiode@43C PMIC@100C thermal@45.3C VDD_IN 3172/3172 VDD_CPU 152/152",
  xavier:
    "RAM 2194/15692MB (lfb 3183x4MB) SWAP 0/7846MB (cached 0MB) CPU [1%@1190,0%@1190,0%@1190,0%@1190,off,off,off,off] EMC_FREQ 0%@1333 GR3D_FREQ 0%@318 APE 150 MTS fg 0% bg 0% AO@33.5C GPU@34C Tdiode@37.25C PMIC@50C AUX@33.5C CPU@35.5C thermal@34.2C Tboard@35C GPU 0/0 CPU 414/414 SOC 1242/1242",
  orin: "04-18-2022 12:34:56 RAM 3186/30536MB (lfb 6x4MB) SWAP 10/15268MB (cached 2MB) CPU [0%@729,2%@729,off,off] EMC_FREQ 0%@2133 GR3D_FREQ 3%@[305,305] VIC_FREQ 729 APE 174 CV0@-256C cpu@47.562C tboard@36C soc2@43.968C tdiode@36.25C gpu@-256C tj@47.562C VDD_IN 4000mW/4012mW VDD_CPU_CV 400mW/400mW NC 0mW/0mW",
} as const;
const MEGABYTE = 1_048_576;

/** `name value tags…` of each metric. */
function read(board: keyof typeof LINES, ...metrics: readonly (typeof TEGRASTATS_METRICS)[number][]) {
  return lineMetrics(LINES[board], metrics).map(({ name, value, tags }) =>
    [name.replace("Chouette.tegrastats.", ""), value, ...Object.values(tags ?? {})].join(" "),
  );
}

describe("a line of tegrastats", () => {
  it("gives memory in bytes", () => {
    expect(read("nano", "ram", "swap")).toEqual([
      `ram.used ${1459 * MEGABYTE}`,
      `ram.free ${2505 * MEGABYTE}`,
      "swap.used 0",
      `swap.free ${1982 * MEGABYTE}`,
    ]);
    expect(read("tx2", "swap")).toEqual([]);
  });

  it("gives each zone's temperature, but not the PMIC's, nor that of a part that is switched off", () => {
    expect(read("nano", "temp")).toEqual([
      "temperature 18 PLL",
      "temperature 21.5 CPU",
      "temperature 20 GPU",
      "temperature 26.5 AO",
      "temperature 21 thermal",
    ]);
    expect(read("orin", "temp")).toEqual([
      "temperature 47.562 cpu",
      "temperature 36 tboard",
      "temperature 43.968 soc2",
      "temperature 36.25 tdiode",
      "temperature 47.562 tj",
    ]);
  });

  it("gives the load of GPU and memory controller, with one clock or several", () => {
    expect(read("tx2", "gpu", "emc")).toEqual(["gpu.usage 12", "emc.usage 4"]);
    expect(read("orin", "gpu", "emc")).toEqual(["gpu.usage 3", "emc.usage 0"]);
  });

  it("gives load and clock of each core that is on, under its own number", () => {
    expect(read("tx2", "cpu").slice(0, 4)).toEqual([
      "cpu.usage 31 0",
      "cpu.frequency 345000000 0",
      "cpu.usage 0 3",
      "cpu.frequency 345000000 3",
    ]);
  });

  it("gives the power of each rail in watts, with and without a unit in the line", () => {
    expect(read("nano", "power")).toEqual([
      "power 1.022 POM_5V_IN",
      "power 0 POM_5V_GPU",
      "power 0.16 POM_5V_CPU",
    ]);
    expect(read("xavier", "power")).toEqual(["power 0 GPU", "power 0.414 CPU", "power 1.242 SOC"]);
    const three = lineMetrics("VDD_GPU_SOC 5139mW/5140mW/5141mW VIN 5V", ["power"]);
    expect(three.map(({ value, tags }) => [value, tags])).toEqual([[5.139, { rail: "VDD_GPU_SOC" }]]);
    expect(read("orin", "power")).toEqual(["power 4 VDD_IN", "power 0.4 VDD_CPU_CV", "power 0 NC"]);
  });

  it("gives only finite values, whatever it is", () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), (before, after) => {
        const metrics = lineMetrics(`${before}${LINES.orin}${after}`, TEGRASTATS_METRICS);
        expect(metrics.every(({ value }) => Number.isFinite(value))).toBe(true);
      }),
    );
  });
});
