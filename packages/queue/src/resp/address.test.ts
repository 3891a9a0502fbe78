import fc from "fast-check";
import { expect, test } from "vitest";
import { addressText, DEFAULT_ADDRESS, parseAddress } from "./address.js";

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

test("any user and password that are percent-encoded are read as they are", () => {
  const text = fc.string({ unit: "grapheme", minLength: 1 });
  fc.assert(
    fc.property(text, text, (username, password) => {
      const login = `${encodeURIComponent(username)}:${encodeURIComponent(password)}`;
      expect(parseAddress(`redis://${login}@h`)).toMatchObject({ username, password });
      expect(parseAddress(`unix://${login}@/s`)).toMatchObject({ username, password });
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
  ]) {
    expect(() => parseAddress(url), url).toThrow(/^the Redis URL (?!.*sec)/);
  }
});
