/**
 * Contexts, found again without building a key.
 *
 * A call's name and tags are looked up along a tree of maps, whose strings V8 has hashed already; only a context
 * seen for the first time is normalised, put in canonical order and written as JSON. Two calls with the same tags in another
 * order, or as numbers and as text, end in one context.
 *
 * Promises: memory is bounded. Past LARGEST_TREE branches the tree is let go and grows anew.
 */
import { type MetricType, NO_TAGS, type Tags, tagsKey } from "@chouette-iot/record";
import { Context } from "./context.js";
import { metricName } from "./names.js";
import { isList, readTags, type TagInput, type TagValue } from "./tag-input.js";

interface Branch {
  context: Context | undefined;
  /** Tags of an object: by name, then by value. */
  readonly names: Map<string, Map<TagValue, Branch>>;
  /** Tags of a list: by their text. */
  readonly items: Map<string, Branch>;
}

const LARGEST_TREE = 20_000;

export class Contexts {
  readonly prefix: string;
  /** The tags that every record gets. */
  readonly tags: Tags;
  #roots = newRoots();
  #canonical = new Map<string, Context>();
  #branches = 0;

  constructor(prefix = "", tags: TagInput | undefined = undefined, inherited: Tags = NO_TAGS) {
    this.prefix = prefix;
    this.tags = readTags(inherited, tags);
  }

  /** The context of a call; undefined where nothing of the name can stand. Throws only what the caller's own objects throw. */
  find(type: MetricType, metric: string, tags: TagInput | undefined): Context | undefined {
    const root = this.#roots[type];
    const branch = root.get(metric) ?? this.#grow(root, metric);
    const leaf = tags === undefined ? branch : this.#walk(branch, tags);
    return leaf.context ?? this.#fill(leaf, type, metric, tags);
  }

  #walk(from: Branch, tags: TagInput): Branch {
    let branch = from;
    if (isList(tags)) {
      for (const item of tags) branch = branch.items.get(item) ?? this.#grow(branch.items, item);
      return branch;
    }
    for (const name in tags) {
      let values = branch.names.get(name);
      if (values === undefined) {
        values = new Map();
        branch.names.set(name, values);
      }
      const value = tags[name];
      branch = values.get(value) ?? this.#grow(values, value);
    }
    return branch;
  }

  #grow<K>(branches: Map<K, Branch>, key: K): Branch {
    const branch: Branch = { context: undefined, names: new Map(), items: new Map() };
    branches.set(key, branch);
    this.#branches++;
    return branch;
  }

  #fill(leaf: Branch, type: MetricType, metric: string, input: TagInput | undefined): Context | undefined {
    const name = metricName(this.prefix + metric);
    if (name === "") return undefined;
    leaf.context = this.#make(type, name, readTags(this.tags, input));
    const { context } = leaf;
    if (this.#branches > LARGEST_TREE) this.#letGo();
    return context;
  }

  #make(type: MetricType, metric: string, tags: Tags): Context {
    const key = `${type}:${metric.length}:${metric}${tagsKey(tags)}`;
    let context = this.#canonical.get(key);
    if (context === undefined) {
      const overflow = () => this.#make(type, metric, { ...this.tags, overflow: "true" });
      context = new Context(type, metric, JSON.stringify(tags), overflow);
      this.#canonical.set(key, context);
    }
    return context;
  }

  /** Contexts in use live on where they are held; the same call makes an equal one. */
  #letGo(): void {
    this.#roots = newRoots();
    this.#canonical = new Map();
    this.#branches = 0;
  }
}

function newRoots(): Record<MetricType, Map<string, Branch>> {
  return {
    count: new Map(),
    gauge: new Map(),
    rate: new Map(),
    histogram: new Map(),
    distribution: new Map(),
    set: new Map(),
  };
}
