/**
 * What identifies a store, for others that remember its records: made once, and kept in the store itself. A new
 * store is another one; one that is restored from a copy is the same.
 */
import { randomBytes } from "node:crypto";
import { NAMESPACE, type Store } from "@chouette-iot/queue";
import { STORE_ID_LENGTH } from "../runtime/ready-ids.js";

const STORE_ID = `${NAMESPACE}:store:id`;

/** Rejects if the store does. */
export async function storeId(store: Store): Promise<string> {
  const [known] = await store.state([STORE_ID]);
  if (known !== undefined) return known;
  const id = randomBytes(STORE_ID_LENGTH).toString("base64url").slice(0, STORE_ID_LENGTH);
  try {
    await store.settle({ onlyWhile: new Map([[STORE_ID, undefined]]), state: new Map([[STORE_ID, id]]) });
    return id;
  } catch (error) {
    // Another queue's loop may have made one meanwhile.
    const [made] = await store.state([STORE_ID]);
    if (made === undefined) throw error;
    return made;
  }
}
