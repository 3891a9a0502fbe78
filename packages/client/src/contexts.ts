/**
 * Contexts, found again without building a key.
 *
 * A call's name and tags are looked up along a tree, whose strings V8 has hashed already; only a context
 * seen for the first time is normalised, put in canonical order and written as JSON. Two calls with the same tags in another
 * order, or as numbers and as text, end in one context.
 *
 * Promises: memory is bounded. Past LARGEST_TREE the tree is let go and grows anew, and what only goes to
 * a metric's overflow need not be learned.
 */
import { type MetricType, metricName, NO_TAGS, type Tags } from "@chouette-iot/record";
import { Branch } from "./branch.js";
import type { Context } from "./context.js";
import { Metric } from "./metric.js";
import { isList, readTags, type TagInput } from "./tag-input.js";

/** Where the calls of a metric begin, by the name that they give it. */
interface Root {
  readonly metric: Metric;
  readonly branch: Branch;
}

/** Bytes, by the estimates below: some 120,000 contexts of three tags. */
const LARGEST_TREE = 64 * 1024 * 1024;
/** What a branch weighs with its place in a map, and a context with that and its text, beside the characters of the tags. */
const BRANCH_BYTES = 120;
const CONTEXT_BYTES = 240;

export class Contexts {
  readonly prefix: string;
  /** The tags that every record gets. */
  readonly tags: Tags;
  #roots = newRoots();
  /** By type and name. */
  #metrics = new Map<string, Metric>();
  #bytes = 0;

  constructor(prefix = "", tags: TagInput | undefined = undefined, inherited: Tags = NO_TAGS) {
    this.prefix = prefix;
    this.tags = readTags(inherited, tags);
  }

  /** The context of a call; undefined where nothing of the name can stand. Throws only what the caller's own objects throw. */
  find(type: MetricType, metric: string, tags: TagInput | undefined): Context | undefined {
    return this.known(type, metric, tags) ?? this.#learn(type, metric, tags);
  }

  /** The context of a call, if there was such a call before. */
  known(type: MetricType, metric: string, tags: TagInput | undefined): Context | undefined {
    const from = this.#roots[type].get(metric)?.branch;
    if (tags === undefined || from === undefined) return from?.context;
    let branch: Branch | undefined = from;
    if (isList(tags)) {
      for (const item of tags) {
        branch = branch.byItem(item);
        if (branch === undefined) return undefined;
      }
      return branch.context;
    }
    for (const name in tags) {
      branch = branch.byTag(name, tags[name]);
      if (branch === undefined) return undefined;
    }
    return branch.context;
  }

  /** Where calls of a metric go that are not to be told apart. */
  overflow(type: MetricType, metric: string): Context | undefined {
    return this.#root(type, metric)?.metric.overflow;
  }

  #learn(type: MetricType, metric: string, tags: TagInput | undefined): Context | undefined {
    const root = this.#root(type, metric);
    if (root === undefined) return undefined;
    const leaf = tags === undefined ? root.branch : this.#grow(root.branch, tags);
    leaf.context = root.metric.context(readTags(this.tags, tags));
    const { context } = leaf;
    this.#bytes += CONTEXT_BYTES + context.tail.length;
    if (this.#bytes > LARGEST_TREE) this.#letGo();
    return context;
  }

  #grow(from: Branch, tags: TagInput): Branch {
    let branch = from;
    if (isList(tags)) {
      for (const item of tags) {
        branch = branch.byItem(item) ?? this.#weigh(branch.growByItem(item), item);
      }
      return branch;
    }
    for (const name in tags) {
      const value = tags[name];
      branch = branch.byTag(name, value) ?? this.#weigh(branch.growByTag(name, value), value);
    }
    return branch;
  }

  #root(type: MetricType, metric: string): Root | undefined {
    return this.#roots[type].get(metric) ?? this.#plant(type, metric);
  }

  #plant(type: MetricType, metric: string): Root | undefined {
    const name = metricName(this.prefix + metric);
    if (name === "") return undefined;
    const key = `${type} ${name}`;
    let planted = this.#metrics.get(key);
    if (planted === undefined) {
      planted = new Metric(type, name, this.tags);
      this.#metrics.set(key, planted);
    }
    const root = { metric: planted, branch: this.#weigh(new Branch(), metric) };
    this.#roots[type].set(metric, root);
    return root;
  }

  #weigh(branch: Branch, key: unknown): Branch {
    this.#bytes += BRANCH_BYTES + (typeof key === "string" ? key.length : 0);
    return branch;
  }

  /** Contexts in use live on where they are held; the same call makes an equal one. */
  #letGo(): void {
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
