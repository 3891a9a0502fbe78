/** The output of a device whose gateway only counts its records. */

/** Records of a transaction in the gateway's output. */
const TRANSACTION = 1_000;

/** @type {any} */
export const COUNTING = {
  resume: async () => ({ kind: "resumed", accepted: [] }),
  send: async (batch) =>
    batch.length > TRANSACTION
      ? {
          ...{ kind: "too-large", reason: "more than a transaction", foundBy: "output", bytes: 0 },
          parts: Math.ceil(batch.length / TRANSACTION),
        }
      : { kind: "delivered", bytes: 0 },
  close: async () => {},
};
