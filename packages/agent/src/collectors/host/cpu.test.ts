import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { busyPercentage, parseStat, statMetrics } from "./cpu.js";

const BEFORE = `cpu  1000 20 300 8000 100 0 10 0 500 0
cpu0 500 10 150 4000 50 0 5 0 250 0
cpu1 500 10 150 4000 50 0 5 0 250 0
intr 12345 0 0
ctxt 99999
btime 1700000000
processes 4711
procs_running 2
procs_blocked 1
`;
/** In a hundred ticks, the first core is busy for a half and the second idle or waiting. */
const AFTER = `cpu  1050 20 300 8100 150 0 10 0 500 0
cpu0 550 10 150 4050 50 0 5 0 250 0
cpu1 500 10 150 4050 100 0 5 0 250 0
procs_running 3
procs_blocked 0
`;
const ALL = ["cpu", "cores", "processes"] as const;

describe("/proc/stat", () => {
  it("gives the share of time in use between two readings, of all cores and of each", () => {
    expect(statMetrics(parseStat(BEFORE), parseStat(AFTER), ALL)).toEqual([
      { name: "Chouette.host.cpu.percentage", type: "gauge", value: 25 },
      { name: "Chouette.host.cpu.core.percentage", type: "gauge", value: 50, tags: { core: "0" } },
      { name: "Chouette.host.cpu.core.percentage", type: "gauge", value: 0, tags: { core: "1" } },
      { name: "Chouette.host.processes.running", type: "gauge", value: 3 },
      { name: "Chouette.host.processes.blocked", type: "gauge", value: 0 },
    ]);
  });

  it("gives no share for the first reading, nor where no time has passed", () => {
    const stat = parseStat(AFTER);
    expect(statMetrics(undefined, stat, ["cpu", "cores"])).toEqual([]);
    expect(statMetrics(stat, stat, ["cpu", "cores"])).toEqual([]);
  });

  it("counts a counter that goes back as 0: the kernel's iowait does", () => {
    const before = parseStat("cpu 1000 0 500 90000 5000 0 0 0\n");
    const after = parseStat("cpu 1600 0 700 90300 4300 0 0 0\n");
    expect(busyPercentage(before.all, after.all)).toBe(72.7);
  });

  it("gives a share from 0 to 100, whatever the counters", () => {
    const times = fc.record({
      busy: fc.array(fc.nat(), { minLength: 6, maxLength: 6 }),
      idle: fc.array(fc.nat(), { minLength: 2, maxLength: 2 }),
    });
    fc.assert(
      fc.property(times, times, (before, after) => {
        const percentage = busyPercentage(before, after);
        if (percentage !== undefined)
          expect(percentage).toSatisfy((value: number) => value >= 0 && value <= 100);
      }),
    );
  });

  it("refuses a file without the line of all CPUs", () => {
    expect(() => parseStat("")).toThrow("no line");
  });
});
