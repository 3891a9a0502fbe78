import type { IncomingMessage } from "node:http";
import { describe, expect, it } from "vitest";
import { accessTo, isToken, sessionOf } from "./access.js";

const TOKEN = "0123456789abcdef";

function request(remoteAddress: string, headers: IncomingMessage["headers"] = {}) {
  return { headers, socket: { remoteAddress } } as Pick<IncomingMessage, "headers" | "socket">;
}

describe("access without a token", () => {
  it.each(["127.0.0.1", "::1", "::ffff:127.0.0.1"])("to the dashboard is given to %s", (address) => {
    expect(accessTo("/", request(address), undefined)).toBe("granted");
  });

  it.each(["192.168.1.7", "10.0.0.1", "::ffff:172.17.0.1", "fe80::1", ""])("is not to %s", (address) => {
    for (const path of ["/", "/events", "/history", "/page.js", "/anything"])
      expect(accessTo(path, request(address), undefined)).toBe("loopback-only");
    for (const path of ["/healthz", "/readyz", "/status", "/metrics"])
      expect(accessTo(path, request(address), undefined)).toBe("granted");
  });

  it("is not given to what a proxy on this device passes on", () => {
    for (const header of ["x-forwarded-for", "forwarded", "via", "x-real-ip"])
      expect(accessTo("/", request("127.0.0.1", { [header]: "192.168.1.7" }), undefined)).toBe(
        "loopback-only",
      );
  });
});

describe("access with a token", () => {
  const all = ["/", "/events", "/history", "/status", "/metrics", "/page.js"];
  const access = (headers: IncomingMessage["headers"]) => [
    ...new Set(all.map((path) => accessTo(path, request("127.0.0.1", headers), TOKEN))),
  ];

  it("needs it, even from this device", () => {
    expect(access({})).toEqual(["unauthorized"]);
    expect(access({ authorization: "Bearer another" })).toEqual(["unauthorized"]);
    expect(access({ authorization: `Basic ${TOKEN}` })).toEqual(["unauthorized"]);
    expect(access({ cookie: `chouette_session=${TOKEN}` })).toEqual(["unauthorized"]);
    expect(access({ cookie: "chouette_session=" })).toEqual(["unauthorized"]);
    expect(access({ cookie: `chouette_session=${sessionOf("another-token-of-16")}` })).toEqual([
      "unauthorized",
    ]);
  });

  it("is given to who sends it, and to who has the session of it", () => {
    expect(access({ authorization: `Bearer ${TOKEN}` })).toEqual(["granted"]);
    expect(access({ authorization: `bearer  ${TOKEN}` })).toEqual(["granted"]);
    expect(access({ cookie: `other=1; chouette_session=${sessionOf(TOKEN)}` })).toEqual(["granted"]);
    expect(isToken(TOKEN, TOKEN)).toBe(true);
  });

  it("isn't asked of probes and of the login page", () => {
    for (const path of ["/healthz", "/readyz", "/login", "/page.css"])
      expect(accessTo(path, request("192.168.1.7"), TOKEN)).toBe("granted");
  });
});
