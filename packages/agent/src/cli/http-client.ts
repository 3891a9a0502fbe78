/** Requests to the running agent over HTTP, on CHOUETTE_HTTP and with its token. Errors are messages for people. */
import { hostToAsk } from "../config/broker-address.js";
import type { Config } from "../config/config.js";
import { shownAddress } from "../runtime/address.js";

const ANSWER_TIMEOUT_MS = 5_000;

/** @throws Error if CHOUETTE_HTTP is off */
export function addressOf({ settings: { http } }: Config): string {
  if (http === "off") throw new Error("CHOUETTE_HTTP is off: this agent has no status server");
  return shownAddress({ host: hostToAsk(http.host), port: http.port });
}

/** The JSON in the agent's answer. Rejects if there is no agent, or if another program answers. */
export async function askJson(config: Config, path: string): Promise<object> {
  const answer = await ask(config, path, AbortSignal.timeout(ANSWER_TIMEOUT_MS));
  const body: unknown = await answer.json().catch(() => undefined);
  if (answer.ok && typeof body === "object" && body !== null) return body;
  throw notAnAgent(config);
}

/** The error if another program answers on CHOUETTE_HTTP. */
export function notAnAgent(config: Config): Error {
  return new Error(`${addressOf(config)} is not a Chouette agent: check CHOUETTE_HTTP`);
}

/** Resolves when the agent answers, with its lines until the signal is aborted or the agent stops. Rejects as `askJson` does. */
export async function askLines(
  config: Config,
  path: string,
  signal: AbortSignal,
): Promise<AsyncGenerator<string>> {
  const answer = await ask(config, path, signal);
  if (answer.ok && answer.body !== null) return linesOf(answer.body);
  throw await refusal(config, answer);
}

/** The error with the reason in the agent's answer. */
async function refusal(config: Config, answer: Response): Promise<Error> {
  const reason = (await answer.text()).trim();
  return new Error(`${addressOf(config)}: ${reason.slice(0, 200) || `HTTP ${answer.status}`}`);
}

async function* linesOf(body: NonNullable<Response["body"]>): AsyncGenerator<string> {
  let rest = "";
  for await (const chunk of body.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + chunk).split("\n");
    rest = lines.pop() ?? "";
    yield* lines.filter((line) => line !== "");
  }
}

async function ask(config: Config, path: string, signal: AbortSignal): Promise<Response> {
  const address = addressOf(config);
  const { httpToken } = config.settings;
  const headers = httpToken === undefined ? {} : { authorization: `Bearer ${httpToken}` };
  const answer = await fetch(`http://${address}${path}`, { signal, headers }).catch((error: Error) => {
    const { cause } = error;
    const reason = cause instanceof Error && cause.message !== "" ? cause.message : error.message;
    throw new Error(`no agent answers on ${address} (${reason}): is it running, with this CHOUETTE_HTTP?`);
  });
  if (answer.status === 401) throw new Error(`${address} requires another token: check CHOUETTE_HTTP_TOKEN`);
  // Without a token, it answers only its own device.
  if (answer.status === 403) throw await refusal(config, answer);
  return answer;
}
