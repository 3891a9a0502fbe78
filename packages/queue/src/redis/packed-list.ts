/**
 * Lists of texts as arguments of a script, which reads each by `cmsgpack.unpack`: MessagePack, which the Lua of every
 * Redis knows.
 *
 * The driver and the server handle each argument of a command separately, at several times the cost of its bytes, and a
 * settlement of many contexts has 100,000 texts.
 */

/** Lua's stack takes no more of them as arguments of a command. */
const MAX_ITEMS = 1_000;
/** Texts are long now and then: a list that has so many bytes takes no more. */
const MAX_BYTES = 256 * 1024;
/** MessagePack's marks of an array and of a text, each with a length of four bytes behind it. */
const ARRAY = 0xdd;
const TEXT = 0xdb;
const HEAD_BYTES = 5;

/**
 * The items in as many lists as they need, none of which is empty.
 * @param items of which two that belong together come to one list if the first of them has an even index
 */
export function packedLists(items: readonly (string | Buffer)[]): readonly Buffer[] {
  const lists: Buffer[] = [];
  let first = 0;
  let bytes = 0;
  for (const [index, item] of items.entries()) {
    bytes += HEAD_BYTES + Buffer.byteLength(item);
    const count = index + 1 - first;
    const isFull = count >= MAX_ITEMS || bytes >= MAX_BYTES;
    if (index + 1 < items.length && !(isFull && count % 2 === 0)) continue;
    lists.push(packed(items.slice(first, index + 1), bytes));
    first = index + 1;
    bytes = 0;
  }
  return lists;
}

/** @param bytes of the items with their heads */
function packed(items: readonly (string | Buffer)[], bytes: number): Buffer {
  const list = Buffer.allocUnsafe(HEAD_BYTES + bytes);
  list[0] = ARRAY;
  list.writeUInt32BE(items.length, 1);
  let at = HEAD_BYTES;
  for (const item of items) {
    const start = at + HEAD_BYTES;
    const length = typeof item === "string" ? list.write(item, start) : item.copy(list, start);
    list[at] = TEXT;
    list.writeUInt32BE(length, at + 1);
    at = start + length;
  }
  return list;
}
