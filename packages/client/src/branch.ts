/**
 * A branch of the tree along which calls find their context: the tags up to here, and the ways on from it.
 *
 * Most branches have one way on, which is kept here; only where there are more does a branch get maps.
 */
import type { Context } from "./context.js";
import type { TagValue } from "./tag-input.js";

export class Branch {
  context: Context | undefined;
  #name: string | undefined;
  #value: TagValue;
  #only: Branch | undefined;
  /** Of tags of an object: by name, then by value. Without the one that is kept here. */
  #names: Map<string, Map<TagValue, Branch>> | undefined;
  /** Of tags of a list: by their text. */
  #items: Map<string, Branch> | undefined;

  byTag(name: string, value: TagValue): Branch | undefined {
    if (value === this.#value && name === this.#name) return this.#only;
    return this.#names?.get(name)?.get(value);
  }

  growByTag(name: string, value: TagValue): Branch {
    const branch = new Branch();
    if (this.#only === undefined) {
      this.#name = name;
      this.#value = value;
      this.#only = branch;
      return branch;
    }
    this.#names ??= new Map();
    let values = this.#names.get(name);
    if (values === undefined) {
      values = new Map();
      this.#names.set(name, values);
    }
    values.set(value, branch);
    return branch;
  }

  byItem(item: string): Branch | undefined {
    return this.#items?.get(item);
  }

  growByItem(item: string): Branch {
    const branch = new Branch();
    this.#items ??= new Map();
    this.#items.set(item, branch);
    return branch;
  }
}
