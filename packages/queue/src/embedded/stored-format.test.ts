/**
 * The files of format version 1 stay readable: these are those that the first version with it wrote. Another layout must
 * have another version number, with which they are read or moved away.
 */
import { gunzipSync } from "node:zlib";
import { expect, it } from "vitest";
import { PowerDisk } from "../../../../tests/support/power-disk.js";
import { openEmbeddedStore } from "./open-embedded-store.js";

const FILES: Readonly<Record<string, string>> = {
  "/data/journal-0000000001": [
    "H4sIAAAAAAACA23Tz2sTQRQH8DfZSfsaAwZbilSRliK21GhnJj/VmmdDS4/iyV4KEWO1hsaEgBYPLuj/IQWPnqUHD4F69yCCgoeC",
    "N08eBAUvMvOdlB7c036/b3b2wzLb3Fg3B/s7z3NEpMhfSvdoQul7pJob6+bVyzstP8v8Z3b0w/0+yBAlx7Os7qkFVXh0v7gcOjpq",
    "JD4ZpD8NbUK2yFq0Ddkh50W7kEvIZ0SXQi4jT4suh1xBnhFdCbmKfEF0NeQa8pzoWtDUkeclmfKaiLsobJbRROAlYWPQROKisLFo",
    "InJJ2Dg0kVkUNiU0EXpV2JTRgJouC5sKGmBTI2yqKjTgpjbyoE2dsKmHxgKcloQtwBbgtCxsAbYApxVhC7AFOK0KW4AtwGlN2AJs",
    "AU7rwhZgG8HXhG0l8GwEXwfPRu0NYVtDE8ErwhZgF8E3hR3ALoIbwg5gB7CIsAPYATz0DcAOYLkl7AB2AA99Uw48B7CsguegHa4K",
    "uyoagKUp7AB2AA99U/cnuf/2+0f2BzL0Gd1Ti0QLfvJ+ffJrkYiyYZLoHimlclNj+cftvbnt/uG7w9ft/lhhu7vb1s9OFTrtBwMc",
    "gZL4xz/Pvvi7RkRjocvq3mKSFDqtQRuLNuV4j8R2qEu71KZZoi8Qb0qOviWF1tPWHr7epmjjt52/u796jojGRyq1pGg8KE4afjb8",
    "4tunf63MEBGPDJczmbPd/pOHrV3dzZzHndVdv/bTYGctT0QT+D91T43mfvph68qbSSLKjX74aT7xtrLk/gEcOqAhTgQAAA==",
  ].join(""),
  "/data/run-0000000001": [
    "H4sIAAAAAAACA12US0gVURyHf3+d9JSWN9+Z+czU7NY9c+6zMsdH4qZaZFFoUBCCLQwVF1GLqSyLFgkRVFCbwEVQEJWklF4sU8ra",
    "9JDSMoie0MqKNlF35n8kcDbD9805Zz4OM6e2oV72FYwPLsLcldzR1UZktBNqG+pl+9SNM7fiAHKfGe0o41Hvqzyt+70+Pee3S5IM",
    "yWxYDptkmHpNlxUZijnVZT8ZfuZMlwNkBJhzXA6SEWTOczlERoi50OUwGWHmYpcjuqbESndqfCSkDixlI0lIXVjOxiQhdWMFG0VC",
    "6kovGz8JqTvXsQmQkFxq+9gESUhutSWbEAnJtbbJRrfaijFCQnKx7XeN6SNhcrAdYCNJmBxsB9mYJEwOtkNsFAmTg+0wGz8Jk4Pt",
    "CJsACVMHr2cTJGHq4A1s9NbaGxnDJEwutivZREiYOniTa5SPhNLBVWwkCcXBlsXGJKE4OKqNIqE42Kpm4yehODiqTYCE4mCrho3+",
    "EqIaQyQUF1u1bMIkFAdHtYmQUJH6orr4lQDS93V5BIAHnzJSnY/5ya/8tDwAo6+mcjMAbNt6rbAUQErbTKHzM0w3ecuSABw9K3xF",
    "AHZPXJdZAOJ3bnDfkhS6WJkce05rvtXkAujtH9q8AsCp13HblwP42nC5MRXA2PGfjTkAlk2ubikBMNL8vWUZgOEXJ9qyAfRMDHca",
    "zvxHiYdXAXg48ONYGoA3fd9OFwI41+w9vxjA810XLqUAODhzZyDT6cjqHoyPdTa33hyKA5DQWT6y1FlnbHJ8CQBf9v3HCQCe7X34",
    "tBjAkfq/LxcAuP3B+zYfwL0vVz8mOuOubPnsAaDu7plNB7D8UHR2YYxvVez4UxDbL+cQaDp5wKqYOx/o/wExb7dzRxfMOx6cyR3v",
    "+tc6C7nDeU53r+XeRY9zLzU809U8rc76B8B7q/iQBAAA",
  ].join(""),
};

const filesOf = () =>
  new PowerDisk(
    new Map(Object.entries(FILES).map(([name, text]) => [name, gunzipSync(Buffer.from(text, "base64"))])),
  );

it("records, orphans, state and counters are read from files of the first version", async () => {
  const { store, losses } = await openEmbeddedStore({ folder: "/data", files: filesOf(), boot: "b" });
  expect(losses).toBeUndefined();
  const raw = await store.read("q", { limit: 100 });
  expect(raw.map(({ score, id, value }) => [score, id, value])).toEqual(expected());
  expect(await store.orphans("q", 10)).toEqual([{ id: "orphan", value: "o" }]);
  expect(await store.stateWithPrefix("")).toEqual(new Map([["key", "größer"]]));
  expect(await store.counters()).toEqual(new Map([["left", 21]]));
  expect(store.disk().runs).toBe(1);
  expect(await store.values("q", ["id-5", "id-39", "lone \ud800"])).toEqual(["5", "39", "\udc00"]);
  await store.close();
});

/** As they were stored: twenty of forty and one of the last were removed again. */
function expected() {
  const first = Array.from({ length: 40 }, (_, n) => [n + 0.5, `id-${n}`, n % 9 === 0 ? undefined : `${n}`]);
  const left = first.filter((_, n) => n < 10 || n >= 30);
  return [...left, [100, "late", "größer"], [101, "lone \ud800", "\udc00"]];
}
