/**
 * The login page: the token is entered once, and the browser gets a cookie.
 *
 * Promises: attempts are slow, and few are made at the same time, so guessing takes forever. The token is in no URL.
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { isToken, SESSION_COOKIE, sessionOf } from "../status/access.js";
import { loginPage } from "./page.js";
import { send } from "./send.js";

const MAX_BODY_BYTES = 4_096;
const DELAY_MS = 500;
const MAX_ATTEMPTS = 4;
let attempts = 0;

export async function login(
  request: IncomingMessage,
  response: ServerResponse,
  token: string,
): Promise<void> {
  if (request.method !== "POST") return answer(request, response, 200);
  if (attempts >= MAX_ATTEMPTS) return answer(request, response, 429, "Too many attempts: wait a second.");
  attempts += 1;
  try {
    const candidate = new URLSearchParams(await bodyOf(request)).get("token") ?? "";
    if (!isToken(candidate.trim(), token)) {
      await sleep(DELAY_MS);
      return answer(request, response, 401, "Wrong token.");
    }
  } finally {
    attempts -= 1;
  }
  const cookie = `${SESSION_COOKIE}=${sessionOf(token)}; Path=/; HttpOnly; SameSite=Strict`;
  response.writeHead(303, { Location: "/", "Set-Cookie": cookie, "Cache-Control": "no-store" }).end();
}

function answer(request: IncomingMessage, response: ServerResponse, code: number, problem?: string): void {
  send(request, response, code, loginPage(problem).markup, "text/html; charset=utf-8");
}

/** The body of the request; empty if it is too long. */
async function bodyOf(request: IncomingMessage): Promise<string> {
  let text = "";
  for await (const chunk of request.setEncoding("utf8")) {
    text += chunk;
    if (text.length > MAX_BODY_BYTES) return "";
  }
  return text;
}
