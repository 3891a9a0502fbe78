/**
 * The internals of a client, and how children and test clients pass theirs: attached to an options object, so that the public
 * constructor accepts only options.
 */
import { messageOf, NO_TAGS } from "@chouette-iot/record";
import { Calls } from "./calls.js";
import { ContextLookup } from "./context-lookup.js";
import { type ChouetteClientOptions, readSettings, type Warning } from "./options.js";
import { Pipeline } from "./pipeline.js";
import { readTags } from "./tag-input.js";

export interface ClientInternals {
  readonly calls: Calls;
  /** Whether another client owns the recorder, and closes it. */
  readonly isChild: boolean;
}

const internalsByOptions = new WeakMap<ChouetteClientOptions, ClientInternals>();

/** Options for a client with these internals. */
export function optionsFor(internals: ClientInternals): ChouetteClientOptions {
  const options = {};
  internalsByOptions.set(options, internals);
  return options;
}

/** The internals attached to the options, or new ones with a pipeline to the broker. Never throws. */
export function internalsOf(options: ChouetteClientOptions | null): ClientInternals {
  const internals = options === null ? undefined : internalsByOptions.get(options);
  if (internals !== undefined) return internals;
  const warnings: string[] = [];
  const warn = (warning: string) => warnings.push(warning);
  const given = readOptions(options, warn);
  const settings = readSettings(given, process.env, warn);
  const contexts = newContexts(given, warn);
  const recorder = new Pipeline(settings, given.onError ?? undefined);
  for (const warning of warnings) recorder.events.onError(new Error(warning));
  return { calls: new Calls(recorder, contexts, settings.sampleRate), isChild: false };
}

/** A copy of the options, so that each getter is called once. */
function readOptions(options: unknown, warn: Warning): ChouetteClientOptions {
  try {
    if (typeof options === "object") return { ...options };
    warn("the options of a client should be an object: none of them is used");
  } catch (error) {
    warn(`the options of a client can't be read: ${messageOf(error)}`);
  }
  return {};
}

function newContexts({ prefix, tags }: ChouetteClientOptions, warn: Warning): ContextLookup {
  if (typeof (prefix ?? "") !== "string") warn("prefix should be a string: none is used");
  const used = typeof prefix === "string" ? prefix : "";
  try {
    return new ContextLookup(used, readTags(NO_TAGS, tags));
  } catch (error) {
    warn(`the client's tags can't be read, and are not used: ${messageOf(error)}`);
    return new ContextLookup(used);
  }
}
