/**
 * A node of the trie in which calls find their context: a sequence of tags, with a child for each further tag.
 *
 * Most nodes have one child, which is stored in fields; only further children need maps.
 */
import type { MetricContext } from "@chouette-iot/record/calls";
import type { TagValue } from "./tag-input.js";

export class TagTrieNode {
  context: MetricContext | undefined;
  /** The first child for a tag of an object. */
  #name: string | undefined;
  #value: TagValue;
  #only: TagTrieNode | undefined;
  /** Further children by name, then by value. */
  #byTag: Map<string, Map<TagValue, TagTrieNode>> | undefined;
  /** Children for an item of a list (`name:value`). */
  #byItem: Map<string, TagTrieNode> | undefined;

  childByTag(name: string, value: TagValue): TagTrieNode | undefined {
    if (value === this.#value && name === this.#name) return this.#only;
    return this.#byTag?.get(name)?.get(value);
  }

  insertTag(name: string, value: TagValue): TagTrieNode {
    const node = new TagTrieNode();
    if (this.#only === undefined) {
      this.#name = name;
      this.#value = value;
      this.#only = node;
      return node;
    }
    this.#byTag ??= new Map();
    let values = this.#byTag.get(name);
    if (values === undefined) {
      values = new Map();
      this.#byTag.set(name, values);
    }
    values.set(value, node);
    return node;
  }

  childByItem(item: string): TagTrieNode | undefined {
    return this.#byItem?.get(item);
  }

  insertItem(item: string): TagTrieNode {
    const node = new TagTrieNode();
    this.#byItem ??= new Map();
    this.#byItem.set(item, node);
    return node;
  }
}
