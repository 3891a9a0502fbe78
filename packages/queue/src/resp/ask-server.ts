/**
 * Asks a server on a short connection which server to use: a Sentinel, or a node of a Cluster.
 *
 * Promises: it takes at most ANSWER_TIMEOUT, and doesn't keep the process alive.
 */
import { milliseconds } from "@chouette-iot/record";
import { startTimer, stopTimer } from "@chouette-iot/record/host";
import type { BrokerAddress } from "./address.js";
import { RedisSocket } from "./redis-socket.js";
import { ErrorReply, encodeCommands, type Reply } from "./resp.js";

const ANSWER_TIMEOUT = milliseconds(1_000);

/** The command that logs in; none without a user or a password. */
export function loginCommands({
  username,
  password,
}: Pick<BrokerAddress, "username" | "password">): readonly (readonly string[])[] {
  if (username === undefined && password === undefined) return [];
  return [["AUTH", ...(username === undefined ? [] : [username]), password ?? ""]];
}

/** The reply to each command. Rejects if the server doesn't answer or refuses the login. @param name of the server, for errors */
export async function askServer(
  name: string,
  address: BrokerAddress,
  commands: readonly (readonly string[])[],
): Promise<readonly Reply[]> {
  const socket = new RedisSocket(address, { keepAlive: ANSWER_TIMEOUT, onEnd: () => {} });
  const giveUp = () => socket.destroy(new Error(`${name} gave no answer for ${ANSWER_TIMEOUT} ms`));
  const timer = startTimer(giveUp, ANSWER_TIMEOUT);
  const login = loginCommands(address);
  try {
    const replies = await socket.send(encodeCommands([...login, ...commands]));
    const refusal = replies.slice(0, login.length).find((reply) => reply instanceof ErrorReply);
    if (refusal !== undefined) throw new Error(`${name}: ${refusal.message}`);
    return replies.slice(login.length);
  } finally {
    stopTimer(timer);
    socket.destroy();
  }
}
