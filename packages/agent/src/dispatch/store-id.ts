/**
 * A store's id, for receivers that remember which of its records they have accepted: generated once, and kept in the store.
 * A new store has a new id; a store restored from a copy has the same.
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
    // Another dispatch loop may have written one meanwhile.
    const [made] = await store.state([STORE_ID]);
    if (made === undefined) throw error;
    return made;
  }
}
