/** CLIENT: what libraries say about themselves, and who else is connected. */

import type { Call, Result } from "../command.js";
import type { BrokerContext } from "../context.js";
import { shown } from "../keys.js";
import { type Failure, failure, OK, type Reply } from "../reply.js";
import type { Session } from "../session.js";

export function client([, subcommand = "", ...args]: readonly string[], { broker, session }: Call): Result {
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
    default:
      return failure(`ERR unknown subcommand ${shown(subcommand)} of CLIENT`);
  }
}

function setNameCommand([name, ...others]: readonly string[], session: Session): Reply {
  if (name === undefined || others.length > 0)
    return failure("ERR wrong number of arguments for 'client|setname' command");
  return setName(name, session) ?? OK;
}

/** Gives the connection a name, for CLIENT LIST, or says why not. */
export function setName(name: string, session: Session): Failure | undefined {
  if (!/^[\x21-\x7e]{0,256}$/.test(name))
    return failure("ERR Client names cannot contain spaces, newlines or special characters.");
  session.name = name;
  return undefined;
}

function clientLines(broker: BrokerContext): string {
  return [...broker.sessions].map(clientLine).join("");
}

function clientLine({ id, address, name, transaction, protocol }: Session): string {
  const queued = transaction?.results.length ?? -1;
  return `id=${id} addr=${address} name=${name} db=0 multi=${queued} user=default resp=${protocol}\n`;
}
