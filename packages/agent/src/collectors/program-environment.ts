/**
 * The environment of the programs that collectors run.
 *
 * Promises: it contains none of the agent's settings, which include the API key and passwords of brokers and proxies: the
 * program's children inherit its environment, and programs write it to logs.
 */

/** Variables that programs need to find their files, and for the user's language. */
const PASSED_ON =
  /^(PATH|HOME|USER|LOGNAME|LANG|LANGUAGE|LC_\w+|TZ|TMPDIR|LD_LIBRARY_PATH|XDG_RUNTIME_DIR|DBUS_S\w+)$/;

/** @param names of further variables of the agent's environment to pass on */
export function programEnvironment(
  names: readonly string[] = [],
  from: NodeJS.ProcessEnv = process.env,
): NodeJS.ProcessEnv {
  return Object.fromEntries(
    Object.entries(from).filter(([name]) => PASSED_ON.test(name) || names.includes(name)),
  );
}
