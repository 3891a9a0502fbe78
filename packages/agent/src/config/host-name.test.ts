import { hostname } from "node:os";
import { describe, expect, it } from "vitest";
import { currentHostName, hostNameProblem } from "./host-name.js";

describe("the host name", () => {
  it("is HOST, or the system's", () => {
    expect(currentHostName({ host: "device-1" })).toBe("device-1");
    expect(currentHostName({ host: undefined })).toBe(hostname());
  });

  it.each([
    "localhost",
    "raspberrypi",
    "RaspberryPi",
    "",
    "0123456789ab",
    "0123456789abcdef".repeat(4),
  ])("is warned about if it is %s", (system) => {
    expect(hostNameProblem({ host: undefined }, system)).toContain(`"${system}"`);
    expect(hostNameProblem({ host: "device-1" }, system)).toBeUndefined();
  });

  it.each(["device-1", "pi4.example.com", "0123456789abc"])("is good if it is %s", (system) => {
    expect(hostNameProblem({ host: undefined }, system)).toBeUndefined();
  });
});
