/** A table of text, its columns as wide as what is in them. No cell can break its line or steer the terminal. */
import { printable } from "../printable.js";

export function table(heading: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = heading.map((title, column) =>
    Math.max(title.length, ...rows.map((row) => row[column]?.length ?? 0)),
  );
  const line = (cells: readonly string[]) =>
    `${cells
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join("  ")
      .trimEnd()}\n`;
  return [heading, ...rows.map((row) => row.map(printable))].map(line).join("");
}
