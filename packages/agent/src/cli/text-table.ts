/** A text table with columns as wide as their content. Control characters in cells are escaped. */
import { printable } from "../runtime/printable.js";

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
