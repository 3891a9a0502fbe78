import { expect, it } from "vitest";
import { proxyFor } from "./proxies.js";

const PROXY = "http://proxy:3128";

it("goes by the address's scheme", () => {
  const proxies = { http: PROXY, https: "https://other:8443", except: undefined };
  expect(proxyFor(new URL("http://intake.test/"), proxies)?.host).toBe("proxy:3128");
  expect(proxyFor(new URL("https://intake.test/"), proxies)?.host).toBe("other:8443");
  expect(proxyFor(new URL("https://intake.test/"), { ...proxies, https: undefined })).toBeUndefined();
});

it("takes a proxy without a scheme for one that speaks HTTP", () => {
  const proxies = { http: undefined, https: "proxy:3128", except: undefined };
  expect(proxyFor(new URL("https://intake.test/"), proxies)?.href).toBe("http://proxy:3128/");
});

it.each([
  ["*", true],
  ["intake.test", true],
  ["test", true],
  [".test", true],
  ["*.test", true],
  ["INTAKE.test:443", true],
  ["a.org, intake.test", true],
  ["a.org intake.test", true],
  ["intake.test:8443", false],
  ["take.test", false],
  ["a.intake.test", false],
  ["", false],
])("excepts from %j: %s", (except, isExcepted) => {
  const proxy = proxyFor(new URL("https://intake.test/api"), { http: PROXY, https: PROXY, except });
  expect(proxy === undefined).toBe(isExcepted);
});
