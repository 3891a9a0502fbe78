import fc from "fast-check";
import { expect, it } from "vitest";
import { basicCredentials, loginOf } from "./url-login.js";

const url = (login: string) => new URL(`http://${login}example.org/`);

it("user and password of a URL are what was escaped into it", () => {
  const text = fc.string({ unit: "grapheme" });
  fc.assert(
    fc.property(text, text, (username, password) => {
      const login = loginOf(url(`${encodeURIComponent(username)}:${encodeURIComponent(password)}@`));
      expect(login ?? { username: "", password: "" }).toEqual({ username, password });
    }),
  );
});

it.each([
  ["owl:50%off@", "50%off"],
  ["owl:100%@", "100%"],
  ["owl:%25off%zz@", "%off%zz"],
  // Not UTF-8.
  ["owl:%e9t%C3%A9@", "%e9té"],
])("a percent sign that begins no escape is one: %s", (login, password) => {
  expect(loginOf(url(login))).toEqual({ username: "owl", password });
});

it.each([
  ["", undefined],
  ["owl@", "owl:"],
  [":pass@", ":pass"],
  ["owl:pass@", "owl:pass"],
])("a URL has a login if it has a user or a password: %s", (text, expected) => {
  const login = loginOf(url(text));
  expect(login && Buffer.from(basicCredentials(login), "base64").toString()).toBe(expected);
});
