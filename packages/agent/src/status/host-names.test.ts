import { describe, expect, it } from "vitest";
import { isOwnHost } from "./host-names.js";

describe("the host that a request is for", () => {
  it.each([
    "127.0.0.1:8127",
    "127.0.0.1",
    "[::1]:8127",
    "[fe80::1]",
    "localhost:8127",
    "LOCALHOST",
    "chouette",
    "chouette:8127",
    "pi4.local:8127",
    "chouette.monitoring.svc",
    "chouette.monitoring.svc.cluster.local:8127",
    "pi.home.arpa",
    "status.example.com:8127",
    "status.example.com.",
    undefined,
  ])("may be %s", (header) => {
    expect(isOwnHost(header, ["status.example.com"])).toBe(true);
  });

  it.each([
    "attacker.example:8127",
    "attacker.com",
    "127.0.0.1.attacker.com",
    "localhost.attacker.com",
    "a.b@c.d",
  ])("is never %s", (header) => {
    expect(isOwnHost(header, ["status.example.com"])).toBe(false);
  });
});
