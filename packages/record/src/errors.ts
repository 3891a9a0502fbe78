/** The message of anything that was thrown, in one line. */

/**
 * The message of whatever was thrown; never empty, never throws. An AggregateError, such as Node's for a host with two
 * addresses, has no message: then the messages of its errors.
 */
export function messageOf(thrown: unknown): string {
  try {
    if (!isErrorLike(thrown)) return String(thrown) || "unknown error";
    if (thrown.message !== "") return thrown.message;
    const { errors, code, name } = thrown;
    if (Array.isArray(errors) && errors.length > 0) return [...new Set(errors.map(messageOf))].join(", ");
    return [code, name].find((text) => typeof text === "string" && text !== "") ?? "unknown error";
  } catch {
    return "unknown error";
  }
}

interface ErrorLike {
  readonly message: string;
  readonly name?: string;
  readonly code?: string;
  readonly errors?: unknown;
}

/** Of any realm: errors of a test runner aren't instances of our `Error`. */
function isErrorLike(thrown: unknown): thrown is ErrorLike {
  return (
    typeof thrown === "object" && thrown !== null && "message" in thrown && typeof thrown.message === "string"
  );
}
