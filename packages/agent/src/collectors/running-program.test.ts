import { spawnSync } from "node:child_process";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { milliseconds } from "@chouette-iot/record";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { newFolder } from "../../../../tests/support/folders.js";
import { ManualClock } from "../../../../tests/support/manual-clock.js";
import { until } from "../../../../tests/support/until.js";
import { RunningProgram } from "./running-program.js";

const OLDEST = milliseconds(90_000);

let folder: Awaited<ReturnType<typeof newFolder>>;
let started: RunningProgram[] = [];
beforeEach(async () => {
  folder = await newFolder();
  started = [];
});
afterEach(async () => {
  for (const program of started) program.close();
  await folder.remove();
});

/** A script that notes each start, by its process id, before it does this. */
async function script(text: string) {
  const path = join(folder.path, "program");
  const starts = join(folder.path, "starts");
  await writeFile(path, `#!/bin/sh\necho $$ >> ${starts}\n${text}\n`, { mode: 0o755 });
  const program = new RunningProgram(path, [], OLDEST);
  started.push(program);
  const clock = new ManualClock(0);
  return {
    clock,
    program,
    line: () => program.line(clock, AbortSignal.timeout(10_000)),
    starts: async () => (await readFile(starts, "utf8")).trim().split("\n").map(Number),
  };
}

function isRunning(pid: number): boolean {
  return spawnSync("kill", ["-0", `${pid}`]).status === 0;
}

describe("a program kept running", () => {
  it("is started once, however often its line is wanted, and gives the last one", async () => {
    const { line, starts } = await script("echo first; echo second; exec sleep 600");
    await until("the second line", async () => (await line()) === "second");
    expect(await starts()).toHaveLength(1);
  });

  it("is started again when it has ended", async () => {
    const { line, starts } = await script("echo $$; sleep 0.05");
    const first = await line();
    const second = await until("another line", async () => {
      const text = await line();
      return text === first ? undefined : text;
    });
    expect((await starts()).slice(0, 2).map(String)).toEqual([first, second]);
  });

  it("is an error where it ends without a line, or isn't there", async () => {
    const { line } = await script("exit 3");
    await expect(line()).rejects.toThrow("program exited with code 3");
    const missing = new RunningProgram(join(folder.path, "missing"), [], OLDEST);
    await expect(missing.line(new ManualClock(0), AbortSignal.timeout(10_000))).rejects.toThrow(
      "failed to start",
    );
  });

  it("is ended where its last line is too old, and started again by the next who asks", async () => {
    const { line, starts, clock } = await script("echo once; exec sleep 600");
    await line();
    await clock.advance(90_001);
    await expect(line()).rejects.toThrow("wrote nothing for 90 s");
    expect(await line()).toBe("once");
    const [first = 0] = await starts();
    await until("the hung process to be gone", () => !isRunning(first));
  });

  it("waits for its first line no longer than the signal allows", async () => {
    const { program } = await script("exec sleep 600");
    await expect(program.line(new ManualClock(0), AbortSignal.timeout(20))).rejects.toThrow("timeout");
  });

  it("is gone once closed, with what it started itself", async () => {
    const { program, line } = await script("sleep 600 & echo $!; wait");
    const child = Number(await line());
    expect(isRunning(child)).toBe(true);
    program.close();
    await until("the process of the process to be gone", () => !isRunning(child));
  });
});
