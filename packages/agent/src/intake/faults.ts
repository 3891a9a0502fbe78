/**
 * Faults on demand: what a test can make the intake do instead of, or after, its work.
 */

/** A request as it begins: its head has come, its body has not. */
export interface ReceivedRequest {
  /** Requests are numbered from 1 in the order in which they begin. */
  readonly number: number;
  readonly method: string;
  /** Without the query. */
  readonly path: string;
  /** Of the body, as the head gives them; undefined if it doesn't. */
  readonly bytes: number | undefined;
}

export type Fault =
  /** The body is read and dropped, and this is answered. */
  | {
      readonly status: number;
      readonly headers?: Readonly<Record<string, string>>;
      readonly body?: string;
    }
  /** The body is read and dropped, and nothing is answered until the sender or the intake closes. */
  | { readonly hang: true }
  /** The connection is closed, unanswered, once at least this many bytes of the body have come or it has ended. */
  | { readonly closeAfterBytes: number }
  /** The request is processed, and what it brought is kept, but the connection is closed in place of an answer. */
  | { readonly loseAnswer: true };

export type Rules = (request: ReceivedRequest) => Fault | undefined;
