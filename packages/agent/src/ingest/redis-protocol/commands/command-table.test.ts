import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { COMMANDS } from "./command-table.js";

it("is documented: each command is in docs/BROKER.md, and no other", () => {
  const page = readFileSync(new URL("../../../../../../docs/BROKER.md", import.meta.url), "utf8");
  const section = page.slice(page.indexOf("## Commands"), page.indexOf("## Limits"));
  const rows = section.split("\n").filter((line) => line.startsWith("| `"));
  const documented = rows.flatMap((row) => row.split("|")[1]?.match(/[A-Z]+:?(?=`)/g) ?? []);
  expect(documented.sort()).toEqual([...COMMANDS.keys()].sort());
});
