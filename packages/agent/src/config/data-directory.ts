/** The default folder of the queues: the one that the service manager or the system has for state. */
import { homedir } from "node:os";
import { join } from "node:path";

export function defaultDataDirectory(env: NodeJS.ProcessEnv = process.env): string {
  // systemd lists several if the unit asks for several.
  const [ofService] = (env.STATE_DIRECTORY ?? "").split(":");
  if (ofService) return ofService;
  if (env.XDG_STATE_HOME) return join(env.XDG_STATE_HOME, "chouette");
  return join(homedir(), ".local", "state", "chouette");
}
