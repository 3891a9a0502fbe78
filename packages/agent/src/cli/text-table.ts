/**
 * Tables with columns as wide as their content, and lines that are wrapped between words.
 *
 * On a terminal, both fit its width, and nothing is cut off. Otherwise a row is one line, for grep and awk. Control characters
 * in cells are replaced.
 */
import { styleText } from "node:util";
import { printable } from "../runtime/printable.js";

const GAP = 2;
/** Minimum width of a column, unless its content is narrower. */
const MIN_WIDTH = 8;

/** In characters; infinite if stdout isn't a terminal. */
export function terminalWidth(): number {
  return process.stdout.isTTY ? process.stdout.columns || 80 : Number.POSITIVE_INFINITY;
}

/** Whether stdout supports colours: on a terminal, unless NO_COLOR is set. */
export function hasColors(): boolean {
  return process.stdout.isTTY === true && process.stdout.hasColors();
}

/** The text in a colour or style, if stdout supports it. */
export function styled(style: Parameters<typeof styleText>[0], text: string): string {
  return hasColors() ? styleText(style, text, { validateStream: false }) : text;
}

/** @param width of the terminal: cells of the widest columns are wrapped until the table fits */
export function table(
  heading: readonly string[],
  rows: readonly (readonly string[])[],
  width: number = terminalWidth(),
): string {
  const cells = rows.map((row) => row.map(printable));
  const widths = fit(naturalWidths([heading, ...cells]), width);
  const [first = "", ...others] = [heading, ...cells].map((row) => tableRow(row, widths));
  return [hasColors() ? styled("bold", first) : first, ...others].join("");
}

/** The width of a table with these rows. */
export function tableWidth(rows: readonly (readonly string[])[]): number {
  return total(naturalWidths(rows));
}

/** Wraps a text between words to lines of at most this width. Lines after the first are indented. */
export function wrapped(text: string, width: number, indent: number): string {
  const [first = "", ...others] = broken(text, width);
  if (others.length === 0) return first;
  const rest = broken(text.slice(first.length).trimStart(), width - indent);
  return [first, ...rest.map((line) => " ".repeat(indent) + line)].join("\n");
}

function naturalWidths(rows: readonly (readonly string[])[]): readonly number[] {
  const [heading = []] = rows;
  return heading.map((_, column) =>
    rows.reduce((widest, row) => Math.max(widest, row[column]?.length ?? 0), 0),
  );
}

function total(widths: readonly number[]): number {
  return widths.reduce((sum, width) => sum + width, 0) + GAP * (widths.length - 1);
}

/** Narrows the widest column until all columns fit. */
function fit(natural: readonly number[], width: number): readonly number[] {
  const widths = [...natural];
  while (total(widths) > width) {
    const widest = Math.max(...widths);
    if (widest <= MIN_WIDTH) break;
    widths[widths.indexOf(widest)] = widest - 1;
  }
  return widths;
}

function tableRow(cells: readonly string[], widths: readonly number[]): string {
  const lines = cells.map((cell, column) => broken(cell, widths[column] ?? cell.length));
  const height = Math.max(1, ...lines.map(({ length }) => length));
  return Array.from({ length: height }, (_, line) => {
    const parts = lines.map((cell, column) => (cell[line] ?? "").padEnd(widths[column] ?? 0));
    return `${parts.join(" ".repeat(GAP)).trimEnd()}\n`;
  }).join("");
}

/** Breaks a text between words, or anywhere if a word is too long. */
function broken(text: string, width: number): readonly string[] {
  const lines: string[] = [];
  let rest = text;
  while (rest.length > width) {
    const space = rest.lastIndexOf(" ", width);
    const end = space > 0 ? space : width;
    lines.push(rest.slice(0, end));
    rest = rest.slice(end).trimStart();
  }
  return [...lines, rest];
}
