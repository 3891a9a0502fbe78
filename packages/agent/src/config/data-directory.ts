/** The folder that an agent keeps its queues in when nobody says: the one that its service manager or system has for state. */
import { homedir } from "node:os";
import { join } from "node:path";

export function defaultDataDirectory(env: NodeJS.ProcessEnv = process.env): string {
  // systemd names more than one where the unit asks for more than one.
  const [ofService] = (env.STATE_DIRECTORY ?? "").split(":");
  if (ofService) return ofService;
  if (env.XDG_STATE_HOME) return join(env.XDG_STATE_HOME, "chouette");
  return join(homedir(), ".local", "state", "chouette");
}
