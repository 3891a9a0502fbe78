/** CLIENT: information about connections, and ending them. */
import type { BrokerContext, Call, CommandResult, Session } from "../command.js";
import { type Failure, failure, OK, quote, type Reply } from "../reply.js";

export function client(
  [, subcommand = "", ...args]: readonly string[],
  { broker, session }: Call,
): CommandResult {
  switch (subcommand.toUpperCase()) {
    case "SETNAME":
      return setNameCommand(args, session);
    case "GETNAME":
      return session.name === "" ? null : session.name;
    case "SETINFO":
    case "NO-EVICT":
    case "NO-TOUCH":
      return OK;
    case "ID":
      return session.id;
    case "INFO":
      return clientLine(session);
    case "LIST":
      return clientLines(broker);
    case "KILL":
      return kill(args, broker, session);
    default:
      return failure(`ERR unknown subcommand ${quote(subcommand)} of CLIENT`);
  }
}

function setNameCommand([name, ...others]: readonly string[], session: Session): Reply {
  if (name === undefined || others.length > 0)
    return failure("ERR wrong number of arguments for 'client|setname' command");
  return setName(name, session) ?? OK;
}

/** Names the connection, for CLIENT LIST, or returns an error. */
export function setName(name: string, session: Session): Failure | undefined {
  if (!/^[\x21-\x7e]{0,256}$/.test(name))
    return failure("ERR Client names cannot contain spaces, newlines or special characters.");
  session.name = name;
  return undefined;
}

/**
 * CLIENT KILL [ID id] [ADDR address]: ends other connections that match all filters. Their earlier requests are stored; nothing
 * that they still send is executed.
 */
function kill(filters: readonly string[], { sessions }: BrokerContext, own: Session): Reply {
  let found = [...sessions].filter((session) => session !== own);
  for (let at = 0; at < filters.length; at += 2) {
    const [filter = "", wanted] = filters.slice(at, at + 2);
    const name = filter.toUpperCase();
    if (wanted === undefined || (name !== "ID" && name !== "ADDR"))
      return failure("ERR Chouette's broker supports CLIENT KILL only with ID and ADDR");
    found = found.filter(({ id, address }) => (name === "ID" ? `${id}` : address) === wanted);
  }
  if (filters.length === 0) return failure("ERR wrong number of arguments for 'client|kill' command");
  for (const session of found) session.end();
  return found.length;
}

function clientLines(broker: BrokerContext): string {
  return [...broker.sessions].map(clientLine).join("");
}

function clientLine({ id, address, name, transaction, protocol }: Session): string {
  const queued = transaction?.results.length ?? -1;
  return `id=${id} addr=${address} name=${name} db=0 multi=${queued} user=default resp=${protocol}\n`;
}
