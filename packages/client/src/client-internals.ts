/**
 * What stands behind a client, and how a child or a test client gets it: in place of options, so that the public
 * constructor takes options only.
 */
import { ContextLookup } from "./context-lookup.js";
import { type ChouetteClientOptions, readSettings } from "./options.js";
import { Pipeline } from "./pipeline.js";
import type { Recorder } from "./recorder.js";

export interface ClientInternals {
  readonly recorder: Recorder;
  readonly contexts: ContextLookup;
  /** From 0 to 1. */
  readonly sampleRate: number;
  /** Whether another client owns the recorder, and closes it. */
  readonly isChild: boolean;
}

const internalsByOptions = new WeakMap<ChouetteClientOptions, ClientInternals>();

/** Options that make a client with these internals. */
export function optionsFor(internals: ClientInternals): ChouetteClientOptions {
  const options = {};
  internalsByOptions.set(options, internals);
  return options;
}

/** Those that were put in place of the options, or new ones: a pipeline to the broker. */
export function internalsOf(options: ChouetteClientOptions): ClientInternals {
  const given = internalsByOptions.get(options);
  if (given !== undefined) return given;
  const warnings: string[] = [];
  const settings = readSettings(options, process.env, (warning) => warnings.push(warning));
  const recorder = new Pipeline(settings, options.onError);
  for (const warning of warnings) recorder.events.onError(new Error(warning));
  return {
    recorder,
    contexts: new ContextLookup(options.prefix, options.tags),
    sampleRate: settings.sampleRate,
    isChild: false,
  };
}
