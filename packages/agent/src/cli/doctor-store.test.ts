import { seconds } from "@chouette-iot/record";
import { describe, expect, it } from "vitest";
import type { Disk } from "./disk-text.js";
import { storeFindings } from "./doctor-store.js";

const DISK: Disk = {
  ...{ contentBytes: 10, fileBytes: 20, segments: 1, runs: 2 },
  ...{ writtenBytes: 30, writtenBytesPerDay: 1.5e9 },
};

function findingsOf(disk: Disk | undefined, ages: readonly (number | undefined)[]) {
  return storeFindings(
    disk,
    ages.map((age) => ({ oldestAge: age === undefined ? undefined : seconds(age) })),
  );
}

describe("the check of the embedded store", () => {
  it("shows its size, its files, its oldest record and what it wears the disk by", () => {
    const found =
      "10 bytes in 20 bytes of files (1 segment, 2 runs); 30 bytes written since start, 1.50 GB a day; oldest record 2 h 1 min old";
    expect(findingsOf(DISK, [3, 7_260, undefined])).toEqual([{ about: "store", verdict: "ok", found }]);
    expect(findingsOf(DISK, [])[0]?.found).toContain("; no records");
  });

  it("is an error if the disk is full", () => {
    const [finding] = findingsOf({ ...DISK, full: "the disk of /data is full" }, []);
    expect(finding).toMatchObject({ verdict: "error", found: expect.stringContaining("/data is full") });
    expect(finding?.advice).toContain("free disk space");
  });

  it("has nothing to say of a Redis", () => {
    expect(findingsOf(undefined, [1])).toEqual([]);
  });
});
