/** The server answers, and Chouette can't work with it as it is. */
export class UnsuitableServerError extends Error {
  override readonly name = "UnsuitableServerError";
}
