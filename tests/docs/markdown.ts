/** The Markdown of this repository: pages, their prose, their code blocks, their links. */
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

export const ROOT = fileURLToPath(new URL("../..", import.meta.url));

export interface CodeBlock {
  readonly page: string;
  readonly line: number;
  readonly language: string;
  readonly text: string;
}

/** Paths of all pages, from the repository's root. */
export function pages(): readonly string[] {
  const below = (folder: string, recursive: boolean) =>
    readdirSync(`${ROOT}${folder}`, { recursive, encoding: "utf8" }).map((path) => `${folder}${path}`);
  return [...below("", false), ...below("docs/", true), ...below("examples/", true)]
    .filter((path) => path.endsWith(".md"))
    .sort();
}

export function read(path: string): string {
  return readFileSync(`${ROOT}${path}`, "utf8");
}

const FENCE = /^```(\w*)\n([\s\S]*?)^```$/gm;

export function codeBlocks(page: string): readonly CodeBlock[] {
  const text = read(page);
  return [...text.matchAll(FENCE)].map(({ 1: language = "", 2: block = "", index }) => ({
    page,
    line: text.slice(0, index).split("\n").length,
    language,
    text: block,
  }));
}

/** A page without its code blocks, whose lines stay as empty ones. */
export function withoutBlocks(page: string): string {
  return read(page).replace(FENCE, (block) => block.replace(/[^\n]/g, ""));
}

/** Inline code. */
export function codeSpans(page: string): readonly string[] {
  return [...withoutBlocks(page).matchAll(/`([^`\n]+)`/g)].map(({ 1: span = "" }) => span);
}

/** The targets of links. */
export function links(page: string): readonly string[] {
  return [...withoutBlocks(page).matchAll(/\]\(([^)\s]+)\)/g)].map(({ 1: target = "" }) => target);
}

/** The anchors of a page's headings, as GitHub forms them. */
export function anchors(page: string): ReadonlySet<string> {
  const headings = [...withoutBlocks(page).matchAll(/^#+ (.+)$/gm)].map(({ 1: heading = "" }) => heading);
  return new Set(
    headings.map((heading) =>
      heading
        .toLowerCase()
        .replace(/[^\p{L}\p{N} _-]/gu, "")
        .replaceAll(" ", "-"),
    ),
  );
}
