/** A real browser: Debian's Chromium, without a window. */
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import puppeteer, { type Browser, type Page } from "puppeteer-core";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

export function startBrowser(): Promise<Browser> {
  // The sandbox needs a user other than root; the pages are our own.
  const args = ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"];
  return puppeteer.launch({ executablePath: "/usr/bin/chromium", args });
}

export interface OpenPage {
  readonly page: Page;
  /** Errors on the page's console, exceptions, and failed requests. */
  readonly errors: readonly string[];
}

export async function openPage(browser: Browser, url: string, width = 1280): Promise<OpenPage> {
  const page = await browser.newPage();
  const errors: string[] = [];
  page.on("console", (message) => {
    if (message.type() === "error" || message.type() === "warn") errors.push(message.text());
  });
  page.on("pageerror", (error) => errors.push(String(error)));
  page.on("requestfailed", (request) => errors.push(`${request.url()}: ${request.failure()?.errorText}`));
  await page.setViewport({ width, height: 800 });
  await page.goto(url, { waitUntil: "load" });
  return { page, errors };
}

/** axe's findings about WCAG and good practice: a line for each element. */
export async function accessibilityProblems(page: Page): Promise<readonly string[]> {
  await page.evaluate(axe);
  const found = await page.evaluate("axe.run({ resultTypes: ['violations'] })");
  const { violations } = found as {
    readonly violations: readonly {
      readonly id: string;
      readonly nodes: readonly { readonly html: string; readonly failureSummary: string }[];
    }[];
  };
  return violations.flatMap(({ id, nodes }) =>
    nodes.map(({ html, failureSummary }) => `${id}: ${html} ${failureSummary}`),
  );
}

/** By how many pixels the page is wider than the window: a phone would have to scroll sideways. */
export async function excessWidth(page: Page): Promise<number> {
  return Number(await page.evaluate("document.documentElement.scrollWidth - window.innerWidth"));
}

/** The text of an element as a reader sees it, in one line; undefined if there is none. */
export async function textOf(page: Page, selector: string): Promise<string | undefined> {
  const text = await page
    .$eval(selector, (element) => (element as HTMLElementLike).innerText)
    .catch(() => undefined);
  return text?.replace(/\s+/g, " ").trim();
}

interface HTMLElementLike {
  readonly innerText: string;
}
