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
  ["10.1.2.3", "10.0.0.0/8", true],
  ["10.1.2.3", "10.1.2.3", true],
  ["10.1.2.3", "10.1.2.3:443", true],
  ["10.1.2.3", "10.1.2.3:80", false],
  ["10.1.2.3", "10.1.2.0/31", false],
  ["10.1.2.3", "10.1.2.3/33", false],
  ["10.1.2.3", "10.1.2.3/", false],
  ["10.1.2.3", "0.0.0.0/0", true],
  ["[::1]", "::1", true],
  ["[::1]", "[::1]", true],
  ["[::1]", "[::1]:443", true],
  ["[::1]", "[::1]:80", false],
  ["[fd00::12]", "fd00::/8", true],
  ["[fd00::12]", "FD00:0::12", true],
  ["[fd00::12]", "10.0.0.0/8", false],
  ["intake.test.", "intake.test", true],
  ["intake.test", "intake.test.", true],
  ["intake.test", "test.", true],
  ["a.10.1.2.3.test", "10.0.0.0/8", false],
  ["intake.test", "intake.test/24", false],
  ["intake.test", ".", false],
])("of %s, excepts %j: %s", (host, except, isExcepted) => {
  const proxy = proxyFor(new URL(`https://${host}/api`), { http: PROXY, https: PROXY, except });
  expect(proxy === undefined).toBe(isExcepted);
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
