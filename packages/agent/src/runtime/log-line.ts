/** A line of the agent's log on a terminal: time, level, message, then the other fields as `name=value`. */
import { styleText } from "node:util";
import { printable } from "./printable.js";

type Style = Parameters<typeof styleText>[0];

const LEVELS: ReadonlyMap<unknown, readonly [name: string, style: Style]> = new Map<
  unknown,
  readonly [string, Style]
>([
  [10, ["TRACE", "dim"]],
  [20, ["DEBUG", "dim"]],
  [30, ["INFO ", "green"]],
  [40, ["WARN ", "yellow"]],
  [50, ["ERROR", "red"]],
  [60, ["FATAL", "red"]],
]);

/** @param json a line as pino writes it */
export function lineForPeople(json: string, hasColors: boolean): string {
  const { time, level, msg, err, ...fields }: Record<string, unknown> = JSON.parse(json);
  const [name, style] = LEVELS.get(level) ?? ["", "dim"];
  const styled = (how: Style, text: string) =>
    hasColors ? styleText(how, text, { validateStream: false }) : text;
  const pairs = Object.entries(fields).map(([key, value]) => `${key}=${shortValue(value)}`);
  const parts = [
    styled("dim", clockTime(time)),
    styled(style, name),
    printable(String(msg ?? "")),
    styled("dim", printable(pairs.join(" "))),
  ];
  return `${parts.filter((part) => part !== "").join(" ")}\n${stackOf(err)}`;
}

/** In the local time zone. */
function clockTime(time: unknown): string {
  return new Date(String(time)).toTimeString().slice(0, 8);
}

function shortValue(value: unknown): string {
  return typeof value === "string" && /^[^\s"=]+$/.test(value) ? value : JSON.stringify(value);
}

function stackOf(error: unknown): string {
  if (typeof error !== "object" || error === null) return "";
  const text = "stack" in error ? String(error.stack) : JSON.stringify(error);
  return text
    .split("\n")
    .map((line) => `    ${printable(line)}\n`)
    .join("");
}
