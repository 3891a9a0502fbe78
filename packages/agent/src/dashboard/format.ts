/** Formats figures for the page. Exact ones keep every digit: they must equal those of /status. */
import { type Html, html } from "./html.js";

/** A whole number with separators, such as `1,204`. */
export function number(value: number): string {
  return Number.isFinite(value) ? value.toFixed(0).replace(/\B(?=(\d{3})+$)/g, ",") : "unknown";
}

/** `1 record`, `1,204 records`. */
export function numberOf(value: number, noun: string): string {
  return `${number(value)} ${noun}${value === 1 ? "" : "s"}`;
}

/** A rate or another measurement, such as `0.25`, `12.5` or `1,204`. */
export function measure(value: number): string {
  if (!Number.isFinite(value)) return "unknown";
  return Math.abs(value) >= 100 ? number(value) : `${Number(value.toPrecision(3))}`;
}

const UNITS = ["B", "kB", "MB", "GB", "TB"];

/** `12.3 MB`, decimal as in mobile tariffs. */
export function bytes(value: number): string {
  if (!Number.isFinite(value)) return "unknown";
  let scaled = value;
  let unit = 0;
  while (scaled >= 999.5 && unit < UNITS.length - 1) {
    scaled /= 1000;
    unit += 1;
  }
  return `${Number(scaled.toPrecision(3))} ${UNITS[unit]}`;
}

/** A time, in UTC until the page's script shows it in the reader's zone. @param at Unix time in seconds */
export function time(at: number): Html {
  const date = new Date(at * 1000);
  if (Number.isNaN(date.getTime())) return html`<span>unknown time</span>`;
  const iso = date.toISOString();
  return html`<time datetime="${iso}">${iso.slice(0, 10)} ${iso.slice(11, 19)} UTC</time>`;
}
