import { expect, it } from "vitest";
import { Http2Use } from "./http2-use.js";

const HOUR_MS = 3_600_000;

function start() {
  let now = 0;
  const use = new Http2Use(() => now);
  const pass = (duration: number) => {
    now += duration;
  };
  return { use, pass };
}

it.each([
  ["at first", () => {}],
  ["after an answer", (use: Http2Use) => use.answered("h2", true)],
  ["after a failure by HTTP/1.1", (use: Http2Use) => use.failed()],
  ["after no connection was opened", (use: Http2Use) => use.unopened()],
])("is offered %s, and after one more connection that ends before its answer", (_, happen) => {
  const { use } = start();
  happen(use);
  expect(use.isOffered).toBe(true);
  use.silent(false);
  expect(use.isOffered).toBe(true);
  use.silent(false);
  expect(use.isOffered).toBe(false);
});

it("is given up for an hour if two new connections end before an answer, and HTTP/1.1 succeeds", () => {
  const { use, pass } = start();
  use.silent(false);
  expect(use.isOffered).toBe(true);
  use.silent(false);
  expect(use.isOffered).toBe(false);
  use.answered("http/1.1", true);
  pass(HOUR_MS - 1);
  expect(use.isOffered).toBe(false);
  pass(1);
  expect(use.isOffered).toBe(true);
});

it("is given up for a day if something else was spoken, and HTTP/1.1 succeeds", () => {
  const { use, pass } = start();
  use.silent(true);
  expect(use.isOffered).toBe(false);
  use.answered("http/1.1", true);
  pass(24 * HOUR_MS - 1);
  expect(use.isOffered).toBe(false);
  pass(1);
  expect(use.isOffered).toBe(true);
});

it.each([
  ["it fails as well", (use: Http2Use) => use.failed()],
  ["it isn't answered with a success", (use: Http2Use) => use.answered("http/1.1", false)],
  ["no connection is opened", (use: Http2Use) => use.unopened()],
])("is offered again after HTTP/1.1 was tried, if %s", (_, happen) => {
  const { use } = start();
  use.silent(true);
  happen(use);
  expect(use.isOffered).toBe(true);
});

it("is offered after an answer, however many connections ended without one before", () => {
  const { use } = start();
  for (let time = 0; time < 3; time++) {
    use.silent(false);
    use.answered("h2", true);
  }
  expect(use.isOffered).toBe(true);
});

it("is offered again before its time if no connection is opened without", () => {
  const { use } = start();
  use.silent(true);
  use.answered("http/1.1", true);
  use.unopened();
  expect(use.isOffered).toBe(true);
});
