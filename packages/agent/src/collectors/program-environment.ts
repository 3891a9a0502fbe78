/**
 * The environment of the programs that collectors run.
 *
 * Promises: nothing of the agent's settings is in it. They hold the API key and the passwords of brokers and proxies,
 * and a process's environment can be read by whatever the program starts or writes to its own log.
 */

/** What programs need to find their files and to speak the user's language. */
const PASSED_ON =
  /^(PATH|HOME|USER|LOGNAME|LANG|LANGUAGE|LC_\w+|TZ|TMPDIR|LD_LIBRARY_PATH|XDG_RUNTIME_DIR|DBUS_S\w+)$/;

/** @param names of variables that this program is to have besides, from the agent's environment */
export function programEnvironment(
  names: readonly string[] = [],
  from: NodeJS.ProcessEnv = process.env,
): NodeJS.ProcessEnv {
  return Object.fromEntries(
    Object.entries(from).filter(([name]) => PASSED_ON.test(name) || names.includes(name)),
  );
}
