import { spawn } from "node:child_process";
import { once } from "node:events";
import { describe, expect, it } from "vitest";
import { isGone, thisProcess } from "./holder.js";

const ANOTHER_USER = 54_321;
const isRoot = process.getuid?.() === 0;

/** A process that runs until the test has ended it, of another user if that is possible. */
function otherProcess() {
  const child = spawn("sleep", ["60"], { stdio: "ignore", ...(isRoot ? { uid: ANOTHER_USER } : {}) });
  const holder = () => ({ ...thisProcess(), pid: child.pid ?? 0 });
  const end = async () => {
    const exited = once(child, "exit");
    child.kill("SIGKILL");
    await exited;
  };
  return { holder, end };
}

describe("a holder", () => {
  it("is described by what tells its process from every other on the device", () => {
    expect(thisProcess()).toMatchObject({
      pid: process.pid,
      boot: expect.stringMatching(/^[0-9a-f-]{36}$/),
      pidNamespace: expect.stringMatching(/^pid:\[\d+\]$/),
    });
  });

  it("is gone when its process has ended, and not before", async () => {
    const { holder, end } = otherProcess();
    try {
      expect(isGone(holder())).toBe(false);
      expect(isGone(thisProcess())).toBe(false);
    } finally {
      await end();
    }
    expect(isGone(holder())).toBe(true);
  });

  it("isn't gone if its process is another user's, which may be hidden in /proc", async () => {
    const { holder, end } = otherProcess();
    try {
      if (isRoot) process.seteuid?.(ANOTHER_USER + 1);
      // Somebody else's in either case: as a plain user, that of the system.
      const foreign = isRoot ? holder() : { ...thisProcess(), pid: 1 };
      expect(() => process.kill(foreign.pid, 0)).toThrow("EPERM");
      expect(isGone(foreign)).toBe(false);
    } finally {
      if (isRoot) process.seteuid?.(0);
      await end();
    }
  });

  it.each([
    ["on another device", { host: "elsewhere" }],
    ["of another boot", { boot: "00000000-0000-4000-8000-000000000000" }],
    ["in another container", { pidNamespace: "pid:[1]" }],
    ["on a system that doesn't identify its boot", { boot: undefined }],
    ["on a system without pid namespaces", { pidNamespace: undefined }],
  ])("isn't looked up here if it runs %s", async (_, difference) => {
    const { holder, end } = otherProcess();
    await end();
    const { boot, pidNamespace, ...rest } = { ...holder(), ...difference };
    const described = {
      ...rest,
      ...(boot === undefined ? {} : { boot }),
      ...(pidNamespace === undefined ? {} : { pidNamespace }),
    };
    expect(isGone(described)).toBe(false);
  });

  it.each([Number.NaN, 0, -1, 1.5])("isn't looked up under %s, which is no pid", (pid) => {
    expect(isGone({ ...thisProcess(), pid })).toBe(false);
  });
});
