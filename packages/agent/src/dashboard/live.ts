/**
 * Updates open pages with server-sent events. While at least one page is open, the view is read once per interval for all of
 * them, and each page gets the sections that changed.
 *
 * Promises: nothing runs while no page is open. Memory is bounded: the number of pages is limited, and a page that reads slowly
 * misses updates, but is up to date again with its next one.
 */
import type { ServerResponse } from "node:http";
import type { Figure, TimedSample } from "../status/history.js";
import { sections } from "./sections.js";
import { SECURITY_HEADERS } from "./send.js";
import type { View } from "./view.js";

const UPDATE_INTERVAL_MS = 2_000;
const MAX_PAGES = 16;
/** A page with more unsent bytes reads too slowly. */
const MAX_UNSENT_BYTES = 256 * 1024;

interface OpenPage {
  readonly response: ServerResponse;
  /** The markup of its sections. */
  readonly shown: Map<string, string>;
  lastSample: number;
}

export class LivePages {
  readonly #read: () => Promise<View>;
  readonly #pages = new Set<OpenPage>();
  #timer: NodeJS.Timeout | undefined;
  #isReading = false;

  constructor(read: () => Promise<View>) {
    this.#read = read;
  }

  /** @returns false if there are too many */
  open(response: ServerResponse): boolean {
    if (this.#pages.size >= MAX_PAGES) return false;
    const page = { response, shown: new Map<string, string>(), lastSample: 0 };
    response.writeHead(200, {
      ...SECURITY_HEADERS,
      "Content-Type": "text/event-stream",
      "Cache-Control": "no-store",
    });
    // After this time, a browser reconnects.
    response.write("retry: 2000\n\n");
    this.#pages.add(page);
    response.once("close", () => this.#close(page));
    this.#timer ??= setInterval(() => this.#update(), UPDATE_INTERVAL_MS).unref();
    this.#update();
    return true;
  }

  #close(page: OpenPage): void {
    this.#pages.delete(page);
    if (this.#pages.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  /** Skipped while the previous view is still being read. */
  #update(): void {
    if (this.#isReading) return;
    this.#isReading = true;
    this.#read()
      .then((view) => this.#publish(view))
      // The next update tries again.
      .catch(() => {})
      .finally(() => {
        this.#isReading = false;
      });
  }

  #publish(view: View): void {
    const rendered = sections(view);
    const newest = view.hour.at(-1);
    for (const page of this.#pages) {
      if (page.response.writableLength > MAX_UNSENT_BYTES) continue;
      const changed: Record<string, string> = {};
      for (const [id, { markup }] of rendered) {
        if (page.shown.get(id) !== markup) changed[id] = markup;
        page.shown.set(id, markup);
      }
      const isNew = newest !== undefined && newest.at !== page.lastSample;
      if (isNew) page.lastSample = newest.at;
      const sample = isNew ? { sample: toRow(newest) } : {};
      write(page.response, { at: view.status.at, sections: changed, ...sample });
    }
  }
}

function write(response: ServerResponse, event: object): void {
  response.write(`data: ${JSON.stringify(event)}\n\n`);
}

export interface Row extends Readonly<Partial<Record<Figure, number>>> {
  readonly at: number;
}

/** Without unknown figures, which JSON can't represent. */
export function toRow({ at, sample }: TimedSample): Row {
  const known = Object.entries(sample).filter(([, value]) => Number.isFinite(value));
  return {
    at,
    ...Object.fromEntries(known.map(([figure, value]) => [figure, Number(value.toPrecision(7))])),
  };
}
