import { queueNames } from "@chouette-iot/queue";
import { describe, expect, it } from "vitest";
import { isMarkerKey, QueueKeys } from "./queue-keys.js";

const keys = new QueueKeys(queueNames());

describe("a queue's key", () => {
  it.each([
    ["chouette", "chouette:metrics:raw"],
    ["chouette:{3}", "chouette:{3}:logs:wrapped"],
    ["chouette-test", "chouette-test:rejected"],
  ])("in the namespace %s is %s", (namespace, queue) => {
    const keys = new QueueKeys(queueNames(namespace));
    expect(keys.toWrite(`${queue}.keys`, "keys")).toBe(queue);
    expect(keys.toRead(`${queue}.values`, "values")).toBe(queue);
  });

  it.each([
    "",
    "foo.keys",
    "chouette:metrics:raw",
    "chouette:metrics:raw.keys\n",
    "chouette:made:up.keys",
    "chouette:{3}:metrics:raw.keys",
  ])("isn't %j: nothing to read, and not to be written", (key) => {
    expect(keys.toRead(key, "keys")).toBeUndefined();
    expect(keys.toWrite(key, "keys")).toMatchObject({
      message: expect.stringMatching(/^ERR .* chouette:metrics:raw.keys, /),
    });
  });

  it("is of one kind", () => {
    const wrongKind = { message: expect.stringMatching(/^WRONGTYPE /) };
    expect(keys.toRead("chouette:metrics:raw.keys", "values")).toMatchObject(wrongKind);
    expect(keys.toWrite("chouette:metrics:raw.values", "keys")).toMatchObject(wrongKind);
    expect(keys.toRead("chouette:client:a", "keys")).toMatchObject(wrongKind);
  });
});

it("tells a client's marker from other keys", () => {
  expect(isMarkerKey("chouette:client:8f0e-1")).toBe(true);
  expect(isMarkerKey(`chouette:client:${"x".repeat(100)}`)).toBe(true);
  for (const key of [
    "chouette:client:",
    "chouette:clients:a",
    "client:a",
    `chouette:client:${"x".repeat(101)}`,
    "chouette:client:a b",
  ])
    expect(isMarkerKey(key)).toBe(false);
});
