/** Commands about the connection itself: login, protocol, database. */
import type { BrokerContext, Call, CommandResult, Session } from "../command.js";
import { type Failure, failure, list, OK, type Protocol, type Reply } from "../reply.js";
import { setName } from "./client-commands.js";
import { VERSION } from "./server-commands.js";

const PROTOCOLS: ReadonlyMap<string, Protocol> = new Map([
  ["2", 2],
  ["3", 3],
]);

/** HELLO [version [AUTH user password] [SETNAME name]] */
export function hello(args: readonly string[], { broker, session }: Call): CommandResult {
  const [, version, ...options] = args;
  if (version !== undefined && !/^\d+$/.test(version))
    return failure("ERR Protocol version is not an integer or out of range");
  const protocol = version === undefined ? session.protocol : PROTOCOLS.get(version);
  if (protocol === undefined) return failure("NOPROTO unsupported protocol version");
  const parsed = helloOptions(options);
  if (parsed === undefined) return failure("ERR Syntax error in HELLO");
  if (parsed.login !== undefined) {
    const refused = login(parsed.login.user, parsed.login.password, broker, session);
    if (refused !== undefined) return refused;
  }
  if (!session.authenticated)
    return failure(
      "NOAUTH HELLO requires a login on this broker: send AUTH first, or HELLO with AUTH default <password>",
    );
  if (parsed.name !== undefined) {
    const refused = setName(parsed.name, session);
    if (refused !== undefined) return refused;
  }
  session.protocol = protocol;
  return greeting(session);
}

interface HelloOptions {
  readonly login?: { readonly user: string; readonly password: string };
  readonly name?: string;
}

/** Undefined for a syntax error. Of options that are repeated, the last one counts. */
function helloOptions(options: readonly string[], before: HelloOptions = {}): HelloOptions | undefined {
  const [option, first, second] = options;
  if (option === undefined) return before;
  switch (option.toUpperCase()) {
    case "AUTH":
      if (first === undefined || second === undefined) return undefined;
      return helloOptions(options.slice(3), { ...before, login: { user: first, password: second } });
    case "SETNAME":
      if (first === undefined) return undefined;
      return helloOptions(options.slice(2), { ...before, name: first });
    default:
      return undefined;
  }
}

function greeting(session: Session): Reply {
  return {
    kind: "map",
    entries: [
      ["server", "redis"],
      ["version", VERSION],
      ["proto", session.protocol],
      ["id", session.id],
      ["mode", "standalone"],
      ["role", "master"],
      ["modules", list([])],
    ],
  };
}

/** AUTH [user] password */
export function auth(args: readonly string[], { broker, session }: Call): CommandResult {
  const [, first = "", second] = args;
  if (second === undefined && broker.isPassword === undefined)
    return failure(
      "ERR AUTH was sent, but this broker has no password: set CHOUETTE_PASSWORD for the agent, or send none",
    );
  const [user, password] = second === undefined ? ["default", first] : [first, second];
  return login(user, password, broker, session) ?? OK;
}

/** As in Redis, the user `default` may send any password if none is required. */
function login(user: string, password: string, broker: BrokerContext, session: Session): Failure | undefined {
  const known = user === "default" && (broker.isPassword?.(password) ?? true);
  if (!known) {
    broker.counters.wrongPasswords++;
    return failure("WRONGPASS invalid username-password pair or user is disabled.");
  }
  session.authenticated = true;
  return undefined;
}

/** SELECT 0 */
export function select([, database]: readonly string[]): CommandResult {
  return database === "0" ? OK : failure("ERR Chouette's broker has only database 0");
}

export function reset(_args: readonly string[], { broker, session }: Call): CommandResult {
  session.authenticated = broker.isPassword === undefined;
  session.protocol = 2;
  session.name = "";
  session.transaction = undefined;
  session.watched.clear();
  return { kind: "status", text: "RESET" };
}

export function quit(_args: readonly string[], { session }: Call): CommandResult {
  session.end();
  return OK;
}
