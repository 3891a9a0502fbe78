import { seconds } from "@chouette-iot/record";
import { expect, it } from "vitest";
import { deadLetter } from "./dead-letter.js";
import { MemoryStore } from "./memory/memory-store.js";

it("keeps every dead letter, also of records that had the same id and time", async () => {
  const store = new MemoryStore();
  const at = seconds(1000);
  for (const queue of ["metrics", "logs", "logs"]) {
    await store.append("rejected", [deadLetter({ reason: "refused", queue, at, id: "same", value: "{}" })]);
  }
  const kept = await store.read("rejected", { limit: 10 });
  expect(kept).toHaveLength(3);
  expect(kept.map(({ score }) => score)).toEqual([at, at, at]);
  expect(JSON.parse(kept[0]?.value ?? "")).toMatchObject({ id: "same" });
});
