/** Faults that a test can inject into the intake. */

/** A request whose head was received, but not its body. */
export interface ReceivedRequest {
  /** From 1, in the order in which requests begin. */
  readonly number: number;
  readonly method: string;
  /** Without the query. */
  readonly path: string;
  /** Length of the body from the head; undefined if the head has none. */
  readonly bytes: number | undefined;
}

export type Fault =
  /** The body is read and dropped, and this answer is sent. */
  | {
      readonly status: number;
      readonly headers?: Readonly<Record<string, string>>;
      readonly body?: string;
    }
  /** The body is read and dropped, and nothing is answered until the sender or the intake closes the connection. */
  | { readonly hang: true }
  /** The connection is closed without an answer after this many bytes of the body, or at its end. */
  | { readonly closeAfterBytes: number }
  /** The request is processed and its content kept, but the connection is closed without an answer. */
  | { readonly loseAnswer: true };

export type Rules = (request: ReceivedRequest) => Fault | undefined;
