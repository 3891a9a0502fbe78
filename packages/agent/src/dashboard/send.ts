/** Sends the dashboard's responses, compressed if the browser accepts that, since the link to it may be slow. */
import type { IncomingMessage, ServerResponse } from "node:http";
import { gzipSync } from "node:zlib";

/** The page loads and runs nothing from other origins, and no other page can show it in a frame. */
export const SECURITY_HEADERS: Readonly<Record<string, string>> = {
  "Content-Security-Policy":
    "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'",
  "X-Content-Type-Options": "nosniff",
  "Referrer-Policy": "no-referrer",
  "Cross-Origin-Resource-Policy": "same-origin",
};

const MIN_LENGTH = 1_000;

export function send(
  { headers }: IncomingMessage,
  response: ServerResponse,
  code: number,
  body: string | Buffer,
  type: string,
): void {
  const content = typeof body === "string" ? Buffer.from(body) : body;
  const isCompressed = content.length >= MIN_LENGTH && /\bgzip\b/.test(`${headers["accept-encoding"]}`);
  if (!response.hasHeader("Cache-Control")) response.setHeader("Cache-Control", "no-store");
  response.setHeader("Vary", "Accept-Encoding");
  response.writeHead(code, {
    ...SECURITY_HEADERS,
    "Content-Type": type,
    ...(isCompressed ? { "Content-Encoding": "gzip" } : {}),
  });
  response.end(isCompressed ? gzipSync(content) : content);
}
