import { describe, expect, it } from "vitest";
import { isMarkerKey, QueueKeys, shown } from "./keys.js";
import { isFailure } from "./reply.js";

describe("a queue's key", () => {
  it.each([
    "chouette:metrics:raw",
    "chouette:{3}:logs:wrapped",
    "chouette-test:rejected",
  ])("is %s", (queue) => {
    expect(new QueueKeys().queueOf(`${queue}.keys`, "keys")).toBe(queue);
    expect(new QueueKeys().queueOf(`${queue}.values`, "values")).toBe(queue);
  });

  it.each([
    "",
    "foo",
    "foo.keys",
    "chouette:notes",
    "chouette:a\n.keys",
    "xchouette:a.keys",
    "chouette:a.keys\n",
  ])("isn't %j", (key) => {
    expect(new QueueKeys().queueOf(key, "keys")).toMatchObject({ message: expect.stringMatching(/^ERR /) });
  });

  it("is of one kind", () => {
    const refused = new QueueKeys().queueOf("chouette:a.keys", "values");
    expect(refused).toMatchObject({ message: expect.stringMatching(/^WRONGTYPE /) });
  });

  it("is refused once there are too many queues, known ones aside", () => {
    const keys = new QueueKeys();
    const answers = Array.from({ length: 60 }, (_, index) => keys.queueOf(`chouette:${index}.keys`, "keys"));
    expect(answers.filter(isFailure)).toHaveLength(12);
    expect(keys.queueOf("chouette:0.values", "values")).toBe("chouette:0");
  });
});

it("tells a client's marker from other keys", () => {
  expect(isMarkerKey("chouette:client:8f0e-1")).toBe(true);
  for (const key of [
    "chouette:client:",
    "chouette:clients:a",
    "client:a",
    `chouette:client:${"x".repeat(101)}`,
  ])
    expect(isMarkerKey(key)).toBe(false);
});

it("shows what a client sent in one short line", () => {
  expect(shown("a\r\n\u0007é")).toBe("'a????'");
  expect(shown("x".repeat(100)).length).toBeLessThan(72);
});
