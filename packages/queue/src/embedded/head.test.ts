/** How the head of a segment is divided into frames: damage costs one of them. */
import { expect, it } from "vitest";
import type { Change } from "./change.js";
import { Content } from "./content.js";
import { writeHead } from "./head.js";

const sizeOf = (pairs: Iterable<readonly [string, string]>) =>
  [...pairs].reduce((sum, [one, other]) => sum + one.length + other.length, 0);

it("state and orphans are in frames of about 8 KiB, each once, between two frames of what is vital", () => {
  const content = new Content();
  for (let n = 0; n < 100; n++) content.state.set(`key-${n}`, "x".repeat(1_000));
  for (let n = 0; n < 50; n++) content.queue("q").orphans.set(`id-${n}`, "x".repeat(500));
  content.counters.set("c", 7);
  const frames: Change[] = [];
  writeHead(content, { boot: "b", isDurable: true }, (change) => frames.push(change));
  const [first, ...others] = frames;
  expect(first).toMatchObject({ mark: { boot: "b", isDurable: true }, counters: new Map([["c", 7]]) });
  expect(others.pop()).toEqual(first);
  const states = others.map(({ state }) =>
    [...(state ?? [])].map(([key, text]) => [key, text ?? ""] as const),
  );
  const orphans = others.map(({ writes }) =>
    (writes ?? []).flatMap(({ records }) => records.map(({ id, value }) => [id, value ?? ""] as const)),
  );
  expect(new Map(states.flat())).toEqual(content.state);
  expect(new Map(orphans.flat())).toEqual(new Map(content.queue("q").orphans));
  expect([states.flat().length, orphans.flat().length]).toEqual([100, 50]);
  const sizes = [...states, ...orphans].map(sizeOf).filter((size) => size > 0);
  for (const size of sizes) expect(size).toBeLessThan(8 * 1024 + 1_010);
  // Each kind's last frame may be small.
  expect(sizes.filter((size) => size < 8 * 1024).length).toBeLessThanOrEqual(2);
});
