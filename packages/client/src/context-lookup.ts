/**
 * Finds the context of a call without building a key.
 *
 * A call's name and tags are looked up in a trie, whose strings V8 has hashed already; only a new context is
 * normalised, sorted and written as JSON. Two calls with the same tags in another order, or as numbers and as text, end
 * in one context.
 *
 * Promises: memory is bounded. Past MAX_TRIE_BYTES the trie is dropped and built again, and calls that only go to a
 * metric's overflow need no entry.
 */
import { type MetricType, metricName, NO_TAGS, type Tags } from "@chouette-iot/record";
import { Metric, type MetricContext } from "@chouette-iot/record/calls";
import { isList, readTags, type TagInput } from "./tag-input.js";
import { TagTrieNode } from "./tag-trie-node.js";

/** The trie of one metric, under the name that the calls give it. */
interface Root {
  readonly metric: Metric;
  readonly node: TagTrieNode;
}

/** Bytes, by the estimates below: some 120,000 contexts of three tags. */
const MAX_TRIE_BYTES = 64 * 1024 * 1024;
/** A node with its entry in a map, and a context with its text, without the characters of the tags. */
const NODE_BYTES = 120;
const CONTEXT_BYTES = 240;

export class ContextLookup {
  readonly prefix: string;
  /** The tags of every record. */
  readonly tags: Tags;
  #roots = newRoots();
  /** By type and name. */
  #metrics = new Map<string, Metric>();
  #bytes = 0;

  constructor(prefix = "", tags: TagInput | undefined = undefined, inherited: Tags = NO_TAGS) {
    this.prefix = prefix;
    this.tags = readTags(inherited, tags);
  }

  /** The context of a call; undefined if nothing of the name is valid. Throws only what the caller's own objects throw. */
  lookupOrCreate(type: MetricType, metric: string, tags: TagInput | undefined): MetricContext | undefined {
    return this.lookup(type, metric, tags) ?? this.#cache(type, metric, tags);
  }

  /** The context of a call, if there was one like it before. */
  lookup(type: MetricType, metric: string, tags: TagInput | undefined): MetricContext | undefined {
    const from = this.#roots[type].get(metric)?.node;
    if (tags === undefined || from === undefined) return from?.context;
    let node: TagTrieNode | undefined = from;
    if (isList(tags)) {
      for (const item of tags) {
        node = node.childByItem(item);
        if (node === undefined) return undefined;
      }
      return node.context;
    }
    for (const name in tags) {
      node = node.childByTag(name, tags[name]);
      if (node === undefined) return undefined;
    }
    return node.context;
  }

  /** The context for calls of a metric beyond the cardinality limit. */
  overflowContext(type: MetricType, metric: string): MetricContext | undefined {
    return this.#root(type, metric)?.metric.overflowContext;
  }

  #cache(type: MetricType, metric: string, tags: TagInput | undefined): MetricContext | undefined {
    const root = this.#root(type, metric);
    if (root === undefined) return undefined;
    const leaf = tags === undefined ? root.node : this.#insert(root.node, tags);
    leaf.context = root.metric.context(readTags(this.tags, tags));
    const { context } = leaf;
    this.#bytes += CONTEXT_BYTES + context.jsonSuffix.length;
    if (this.#bytes > MAX_TRIE_BYTES) this.#reset();
    return context;
  }

  #insert(from: TagTrieNode, tags: TagInput): TagTrieNode {
    let node = from;
    if (isList(tags)) {
      for (const item of tags) {
        node = node.childByItem(item) ?? this.#account(node.insertItem(item), item);
      }
      return node;
    }
    for (const name in tags) {
      const value = tags[name];
      node = node.childByTag(name, value) ?? this.#account(node.insertTag(name, value), value);
    }
    return node;
  }

  #root(type: MetricType, metric: string): Root | undefined {
    return this.#roots[type].get(metric) ?? this.#addMetric(type, metric);
  }

  #addMetric(type: MetricType, metric: string): Root | undefined {
    const name = metricName(this.prefix + metric);
    if (name === "") return undefined;
    const key = `${type} ${name}`;
    let found = this.#metrics.get(key);
    if (found === undefined) {
      found = new Metric(type, name, this.tags);
      this.#metrics.set(key, found);
    }
    const root = { metric: found, node: this.#account(new TagTrieNode(), metric) };
    this.#roots[type].set(metric, root);
    return root;
  }

  #account(node: TagTrieNode, key: unknown): TagTrieNode {
    this.#bytes += NODE_BYTES + (typeof key === "string" ? key.length : 0);
    return node;
  }

  /** ContextLookup in use live on where they are held; the same call makes an equal one. */
  #reset(): void {
    this.#roots = newRoots();
    this.#metrics = new Map();
    this.#bytes = 0;
  }
}

function newRoots(): Record<MetricType, Map<string, Root>> {
  return {
    count: new Map(),
    gauge: new Map(),
    rate: new Map(),
    histogram: new Map(),
    distribution: new Map(),
    set: new Map(),
  };
}
