import fc from "fast-check";
import { expect, it } from "vitest";
import { redact, urlSecrets, withoutUserinfo } from "./redact.js";

it.each([
  ["https://owl:p@ss@example.org/api", "https://(hidden)@example.org/api"],
  ["owl:secret@example.org/api", "(hidden)@example.org/api"],
  [
    "no answer from http://token@10.0.0.1:8126/api/v2/series",
    "no answer from http://(hidden)@10.0.0.1:8126/api/v2/series",
  ],
  ["https://example.org/a@b?c@d", "https://example.org/a@b?c@d"],
  ["write to support@example.org", "write to support@example.org"],
])("%s has no user and password: %s", (text, expected) => {
  expect(withoutUserinfo(text)).toBe(expected);
});

it("no secret is left in a text, in any form in which a server may repeat it", () => {
  const url = new URL("https://owl:s%C3%A9cret%2Fword@example.org/api");
  const secrets = ["0123456789abcdef", "", ...urlSecrets(url)];
  const basic = Buffer.from("owl:sécret/word").toString("base64");
  fc.assert(
    fc.property(fc.array(fc.constantFrom(...secrets, basic, "sécret/word", url.href, " ", "x")), (parts) => {
      const text = redact(parts.join(""), secrets);
      for (const secret of ["0123456789abcdef", "s%C3%A9cret%2Fword", "sécret/word", basic]) {
        expect(text).not.toContain(secret);
      }
    }),
  );
});
