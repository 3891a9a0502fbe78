/**
 * A template for HTML that escapes all inserted values.
 *
 * Promises: a value can't become markup, whatever a record, a response or a file name contains, and can't reorder the text
 * around it: control characters, and those that set the direction of text, become U+FFFD. Only the templates in this program
 * are markup.
 */
import { printable } from "../runtime/printable.js";

export class Html {
  constructor(readonly markup: string) {}
}

export type Content = Html | string | number | undefined | readonly Content[];

export function html(parts: TemplateStringsArray, ...values: readonly Content[]): Html {
  return new Html(parts.reduce((text, part, index) => text + markupOf(values[index - 1]) + part));
}

function markupOf(value: Content): string {
  if (value === undefined) return "";
  if (value instanceof Html) return value.markup;
  if (typeof value === "object") return value.map(markupOf).join("");
  return escapeText(`${value}`);
}

const ENTITIES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

function escapeText(text: string): string {
  return visible(text).replace(/[&<>"']/g, (character) => ENTITIES[character] ?? "");
}

/** One line without invisible control characters. */
function visible(text: string): string {
  return printable(text).replace(/\p{Bidi_Control}/gu, "\ufffd");
}
