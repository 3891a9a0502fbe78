import fc from "fast-check";
import { expect, test } from "vitest";
import { addressText, DEFAULT_ADDRESS, parseAddress } from "./address.js";
import { sentinelUrl } from "./sentinel-address.js";

test("server, login and database of each kind of URL", () => {
  expect(parseAddress("redis://device:a%2Fb%23@redis.local:6380/3")).toEqual({
    ...DEFAULT_ADDRESS,
    host: "redis.local",
    port: 6380,
    username: "device",
    password: "a/b#",
    database: 3,
  });
  expect(parseAddress("rediss://:secret@[::1]")).toEqual({
    ...DEFAULT_ADDRESS,
    host: "::1",
    password: "secret",
    tls: {},
  });
  expect(parseAddress("unix://u:p@/run/redis.sock?db=2")).toEqual({
    ...DEFAULT_ADDRESS,
    path: "/run/redis.sock",
    username: "u",
    password: "p",
    database: 2,
  });
  expect(addressText(parseAddress("rediss://:secret@[::1]"))).toBe("[::1]:6379");
});

test("Sentinels, the login of the servers and the Sentinels' own", () => {
  const url =
    "rediss+sentinel://device:a%2Fb@s1,[::1]:26380/my%20master/3?sentinel_username=u&sentinel_password=p%26q";
  const servers = [
    { host: "s1", port: 26_379 },
    { host: "::1", port: 26_380 },
  ];
  const sentinels = { servers, master: "my master", username: "u", password: "p&q" };
  expect(parseAddress(url)).toEqual({
    ...DEFAULT_ADDRESS,
    sentinels,
    tls: {},
    username: "device",
    password: "a/b",
    database: 3,
  });
  expect(addressText(parseAddress(url))).toBe("my master (Sentinels s1:26379, [::1]:26380)");
  expect(parseAddress("redis+sentinel://s1").sentinels).toMatchObject({ master: "mymaster" });
  expect(parseAddress(sentinelUrl(["s1:1", "[::1]:2"], "a/b"))).toMatchObject({
    sentinels: { servers: [{ host: "s1" }, { host: "::1" }], master: "a/b" },
  });
});

test("any user and password that are percent-encoded are read as they are", () => {
  const text = fc.string({ unit: "grapheme", minLength: 1 });
  fc.assert(
    fc.property(text, text, (username, password) => {
      const login = `${encodeURIComponent(username)}:${encodeURIComponent(password)}`;
      expect(parseAddress(`redis://${login}@h`)).toMatchObject({ username, password });
      expect(parseAddress(`unix://${login}@/s`)).toMatchObject({ username, password });
      expect(parseAddress(`redis+sentinel://${login}@h:1,i:2/m`)).toMatchObject({ username, password });
    }),
  );
});

test("what is no such URL is refused, and its password is in no message", () => {
  for (const url of [
    "localhost",
    "http://:secret@h",
    "redis://:sec/ret@h:1",
    "redis://:secret%@h",
    "redis://:secret@h/first",
    "unix://:secret@relative",
    "redis+sentinel://:secret@h:1,h:99999/m",
    "redis+sentinel://:secret@h:1,,h:2/m",
    "redis+sentinel://:sec/ret@h:1/m",
    "redis+sentinel://:secret@h:1/m/first",
    "redis+sentinel://h:1/m?sentinel_pasword=secret",
    "redis+sentinel://:secret@/m",
  ]) {
    expect(() => parseAddress(url), url).toThrow(/^the Redis URL (?!.*sec)/);
  }
});
