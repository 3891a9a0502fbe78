/**
 * The dashboard: a page about the state of the agent, for a person at the device or with an SSH tunnel.
 *
 * Promises: it is read-only. It shows the read model of the status, so its figures equal those of /status. It is loaded with
 * the first request for it, and does nothing while no page is open.
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import { type ReadyMetric, seconds, toSeconds } from "@chouette-iot/record";
import { shownSettings } from "../config/shown-settings.js";
import type { Routes } from "../status/http-server.js";
import type { RecordTap } from "../status/record-tap.js";
import type { SampledSource } from "../status/sampler.js";
import type { SeriesMeter } from "../status/series-use.js";
import { inTime, readStatus } from "../status/status.js";
import { newestDeadLetters } from "./dead-letters.js";
import { sendFile } from "./files.js";
import { LivePages, toRow } from "./live.js";
import { login } from "./login.js";
import { page } from "./page.js";
import { send } from "./send.js";
import { filterOf, TapStreams } from "./tap-stream.js";
import { TopView } from "./top.js";
import type { View } from "./view.js";

export interface DashboardSource extends SampledSource {
  readonly series: SeriesMeter;
  readonly tap: RecordTap;
  lastReady(): ReadonlyMap<string, readonly ReadyMetric[]>;
}

const DAY = 86_400;
const CROSS_SITE = "cross-site requests are refused\n";

export function openDashboard(source: DashboardSource): Routes {
  const view = () => readView(source);
  const live = new LivePages(view);
  const top = new TopView(source);
  const taps = new TapStreams(source.tap);
  return async (request, response, path) => {
    switch (path) {
      case "/":
        send(request, response, 200, page(await view()).markup, "text/html; charset=utf-8");
        return true;
      case "/events":
        if (isFromElsewhere(request)) refuse(response, 403, CROSS_SITE);
        else if (!live.open(response)) refuse(response, 503, "too many open pages\n");
        return true;
      case "/history":
        send(request, response, 200, `${JSON.stringify(historyOf(source))}\n`, "application/json");
        return true;
      case "/top":
        send(request, response, 200, `${JSON.stringify(top.read())}\n`, "application/json");
        return true;
      case "/tap":
        if (isFromElsewhere(request)) refuse(response, 403, CROSS_SITE);
        else if (!taps.open(response, filterOf(queryOf(request))))
          refuse(response, 503, "too many readers\n");
        return true;
      case "/login":
        return openLogin(request, response, source.config().settings.httpToken);
      default:
        return sendFile(request, response, path);
    }
  };
}

function queryOf({ url = "" }: IncomingMessage): URLSearchParams {
  return new URLSearchParams(url.slice(url.indexOf("?") + 1));
}

/** Without a token, no login is needed. */
async function openLogin(
  request: IncomingMessage,
  response: ServerResponse,
  token: string | undefined,
): Promise<boolean> {
  if (token === undefined) response.writeHead(303, { Location: "/" }).end();
  else await login(request, response, token);
  return true;
}

/** Pages of other sites can't read the events, but they could use up all connections. */
function isFromElsewhere({ headers }: IncomingMessage): boolean {
  const site = headers["sec-fetch-site"];
  return site !== undefined && site !== "same-origin" && site !== "none";
}

function refuse(response: ServerResponse, code: number, reason: string): void {
  response.writeHead(code, { "Content-Type": "text/plain; charset=utf-8" }).end(reason);
}

async function readView(source: DashboardSource): Promise<View> {
  const { clock, history, outageLog, series } = source;
  const now = toSeconds(clock.now());
  const [status, deadLetters] = await Promise.all([
    readStatus(source),
    inTime(newestDeadLetters(source.shards(), now)),
  ]);
  outageLog.observe(seconds(Math.floor(now)), status.outages);
  return {
    status,
    hour: history.hour(now),
    day: history.day(now),
    outages: outageLog.outages().filter(({ to }) => to === undefined || to > now - DAY),
    lastReady: source.lastReady(),
    deadLetters,
    series: series.use(),
    settings: shownSettings(source.config()),
  };
}

function historyOf({ history, clock }: DashboardSource): object {
  const now = toSeconds(clock.now());
  return { hour: history.hour(now).map(toRow), day: history.day(now).map(toRow) };
}
