/**
 * Finds the context of a call without building a key.
 *
 * A call's name and tags are looked up in a trie of strings that V8 has already hashed; only a new context is normalised,
 * sorted and written as JSON. Calls with the same tags in another order, or with numbers as text, share a context, and so do
 * calls of children (`shared-contexts.ts`, which also bounds the memory).
 *
 * Promises: a call's tags are read only once before they are recorded. Calls that only go to a metric's overflow context
 * need no entry.
 */
import { type MetricType, metricName, NO_TAGS, type Tags } from "@chouette-iot/record";
import { Metric, type MetricContext } from "@chouette-iot/record/calls";
import { SharedContexts } from "./shared-contexts.js";
import {
  isIterable,
  isList,
  type PlainTags,
  plainTags,
  plainValue,
  readTags,
  type TagInput,
} from "./tag-input.js";
import { TagTrieNode } from "./tag-trie-node.js";

/** The trie of one metric, under the name that the calls give it. */
interface Root {
  readonly metric: Metric;
  readonly node: TagTrieNode;
}

/** Estimates: a node with its map entry, and a context with its text, without the characters of the tags. */
const NODE_BYTES = 120;
const CONTEXT_BYTES = 240;

export class ContextLookup {
  readonly prefix: string;
  /** The tags of every record. */
  readonly tags: Tags;
  readonly #shared: SharedContexts<ContextLookup>;
  #generation: number;
  #roots = newRoots();
  /** By type and name. */
  #metrics = new Map<string, Metric>();

  constructor(prefix = "", tags: Tags = NO_TAGS, shared = new SharedContexts<ContextLookup>()) {
    this.prefix = prefix;
    this.tags = tags;
    this.#shared = shared;
    this.#generation = shared.generation;
  }

  /** The lookup of a child; children with the same prefix and tags share one. Throws only what the caller's objects throw. */
  child(prefix: string, added: TagInput | null | undefined): ContextLookup {
    const { children } = this.#shared;
    const tags = readTags(this.tags, added);
    const all = this.prefix + prefix;
    const key = JSON.stringify([all, Object.entries(tags).sort()]);
    let child = children.get(key);
    if (child === undefined) {
      child = new ContextLookup(all, tags, this.#shared);
      children.set(key, child);
      this.#shared.account(CONTEXT_BYTES + 2 * key.length);
    }
    return child;
  }

  /** The context of a call; undefined if no part of the name is valid. Throws only what the caller's objects throw. */
  lookupOrCreate(
    type: MetricType,
    metric: string,
    tags: TagInput | null | undefined,
  ): MetricContext | undefined {
    return this.lookup(type, metric, tags) ?? this.#cache(type, metric, tags ?? undefined);
  }

  /** The context of a call, if it is cached. */
  lookup(type: MetricType, metric: string, tags: TagInput | null | undefined): MetricContext | undefined {
    if (this.#generation !== this.#shared.generation) this.#reset();
    const from = this.#roots[type].get(metric)?.node;
    if (tags === undefined || tags === null || from === undefined) return from?.context;
    if (isList(tags) || typeof tags !== "object") return this.#lookupList(from, tags);
    let node: TagTrieNode | undefined = from;
    for (const name in tags) {
      const value = tags[name as keyof typeof tags] as unknown;
      node = node.childByTag(name, typeof value === "string" ? value : plainValue(value));
      if (node === undefined) return undefined;
    }
    // It has no enumerable fields: it is empty, or a Map or Set.
    return node === from ? this.#lookupEmpty(from, tags) : node.context;
  }

  /** The context for calls of a metric beyond the cardinality limit. */
  overflowContext(type: MetricType, metric: string): MetricContext | undefined {
    return this.#root(type, metric)?.metric.overflowContext;
  }

  #lookupEmpty(from: TagTrieNode, tags: TagInput): MetricContext | undefined {
    return isIterable(tags) ? this.#lookupPlain(from, plainTags(tags)) : from.context;
  }

  #lookupList(from: TagTrieNode, items: TagInput): MetricContext | undefined {
    if (!isList(items)) return this.#lookupPlain(from, plainTags(items));
    let node: TagTrieNode | undefined = from;
    for (const item of items) {
      if (typeof item !== "string") return this.#lookupPlain(from, plainTags(items));
      node = node.childByItem(item);
      if (node === undefined) return undefined;
    }
    return node.context;
  }

  #lookupPlain(from: TagTrieNode, tags: PlainTags): MetricContext | undefined {
    let node: TagTrieNode | undefined = from;
    if (isList(tags)) {
      for (const item of tags) node = node?.childByItem(item);
      return node?.context;
    }
    for (const name in tags) node = node?.childByTag(name, tags[name]);
    return node?.context;
  }

  #cache(type: MetricType, metric: string, tags: TagInput | undefined): MetricContext | undefined {
    const root = this.#root(type, metric);
    if (root === undefined) return undefined;
    const plain = tags === undefined ? undefined : plainTags(tags);
    const leaf = plain === undefined ? root.node : this.#insert(root.node, plain);
    if (leaf.context !== undefined) return leaf.context;
    const context = root.metric.context(readTags(this.tags, plain));
    leaf.context = context;
    this.#shared.account(CONTEXT_BYTES + context.jsonSuffix.length);
    return context;
  }

  #insert(from: TagTrieNode, tags: PlainTags): TagTrieNode {
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
      found = new Metric(type, name, this.tags, this.#shared.of(type, name));
      this.#metrics.set(key, found);
    }
    const root = { metric: found, node: this.#account(new TagTrieNode(), metric) };
    this.#roots[type].set(metric, root);
    return root;
  }

  #account(node: TagTrieNode, key: unknown): TagTrieNode {
    this.#shared.account(NODE_BYTES + (typeof key === "string" ? key.length : 0));
    return node;
  }

  /** Drops everything. Contexts in use stay valid; the same calls create equal ones. */
  #reset(): void {
    this.#generation = this.#shared.generation;
    this.#roots = newRoots();
    this.#metrics = new Map();
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
