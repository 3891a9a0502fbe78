/** Names that this project doesn't use: limits are MAX_ or MIN_, and no test picks a free port. */
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";

const root = fileURLToPath(new URL("..", import.meta.url));
const BANNED = /\b(?:MOST|LONGEST|LEAST|LARGEST|SHORTEST|SMALLEST|FEWEST|DEEPEST)_[A-Z]\w*/g;

function sources(folder: string): readonly string[] {
  return readdirSync(`${root}${folder}`, { recursive: true, encoding: "utf8" })
    .filter((path) => /\.(?:ts|mjs)$/.test(path) && !/(?:^|\/)(?:node_modules|dist)\//.test(path))
    .map((path) => `${folder}/${path}`);
}

it("asks for no free port in a test: another process may have it by the time that it is used", () => {
  const files = ["packages", "tests"].flatMap(sources).filter((path) => path !== "tests/names.test.ts");
  const asking = files.filter((path) =>
    /\b(?:freePort|getPort)\b/.test(readFileSync(`${root}${path}`, "utf8")),
  );
  expect(files.length).toBeGreaterThan(300);
  expect(asking).toEqual([]);
});

it("names a limit MAX_ or MIN_", () => {
  const files = ["packages", "tests", "bench", "scripts"].flatMap(sources);
  const found = files.flatMap((path) => {
    const names = readFileSync(`${root}${path}`, "utf8").match(BANNED) ?? [];
    return names.map((name) => `${path}: ${name}`);
  });
  expect(files.length).toBeGreaterThan(300);
  expect(found).toEqual([]);
});
