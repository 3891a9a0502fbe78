/** The page's files: style sheet, scripts, icon. They are read for each request, so they take no memory. */
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import type { IncomingMessage, ServerResponse } from "node:http";
import { send } from "./send.js";

const FOLDER = new URL("../../page/", import.meta.url);

const TYPES: ReadonlyMap<string, string> = new Map([
  ["/page.css", "text/css; charset=utf-8"],
  ["/page.js", "text/javascript; charset=utf-8"],
  ["/uPlot.css", "text/css; charset=utf-8"],
  ["/uPlot.js", "text/javascript; charset=utf-8"],
  ["/icon.svg", "image/svg+xml"],
]);

/** Resolves with false if there is no such file. */
export async function sendFile(
  request: IncomingMessage,
  response: ServerResponse,
  path: string,
): Promise<boolean> {
  const type = TYPES.get(path);
  if (type === undefined) return false;
  const content = await readFile(new URL(path.slice(1), FOLDER));
  const tag = `"${createHash("sha256").update(content).digest("base64url")}"`;
  // The browser asks whether its copy is current: it isn't after an update of the agent.
  response.setHeader("ETag", tag);
  response.setHeader("Cache-Control", "no-cache");
  if (request.headers["if-none-match"] === tag) response.writeHead(304).end();
  else send(request, response, 200, content, type);
  return true;
}
