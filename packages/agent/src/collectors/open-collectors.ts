/**
 * Finds collectors by name: built-in ones, the user's programs, and the user's modules.
 *
 * Nothing is loaded here. Each collector is opened in its first round, and again in the next one if that fails: a missing
 * library, or a module that isn't a collector, is a failure of that collector only.
 */
import { messageOf } from "@chouette-iot/record";
import { loadModule } from "../runtime/load-module.js";
import { BUILT_IN } from "./built-in.js";
import type { Collector, CollectorContext, CollectorFactory } from "./collector.js";

/** The collectors that the settings name: COLLECTOR_PLUGINS, then EXEC_COLLECTORS. */
export function openCollectors(context: CollectorContext): readonly Collector[] {
  const { collectorPlugins, execCollectors } = context.settings;
  const names = new Set([...collectorPlugins, ...execCollectors.map(({ name }) => name)]);
  return [...names].map((name) => openCollector(name, context));
}

/** @param name of a built-in collector or one of EXEC_COLLECTORS; else the path of a module, or a package */
export function openCollector(name: string, context: CollectorContext): Collector {
  const program = context.settings.execCollectors.find((candidate) => candidate.name === name);
  const builtIn = BUILT_IN.get(name);
  if (program !== undefined)
    return lazyCollector(name, async () => (await import("./exec/exec.js")).exec(program));
  if (builtIn !== undefined) return lazyCollector(name, async () => (await builtIn()).open(context));
  return lazyCollector(name, async () => (await loadFactory(name))(context));
}

/** Why the collector can't be loaded; undefined if it can. It isn't opened. */
export async function collectorProblem(
  name: string,
  { execCollectors }: CollectorContext["settings"],
): Promise<string | undefined> {
  if (BUILT_IN.has(name) || execCollectors.some((candidate) => candidate.name === name)) return undefined;
  return loadFactory(name).then(
    () => undefined,
    (error) => `COLLECTOR_PLUGINS: ${messageOf(error)}`,
  );
}

/** A collector that is opened in its first round. */
function lazyCollector(name: string, open: () => Promise<Collector>): Collector {
  let opened: Collector | undefined;
  return {
    name,
    get subject() {
      return opened?.subject;
    },
    collect: async (round) => {
      opened ??= await openChecked(name, open);
      return opened.collect(round);
    },
    close: () => opened?.close?.(),
  };
}

async function openChecked(name: string, open: () => Promise<Collector>): Promise<Collector> {
  const made: Partial<Collector> | undefined = await open();
  if (typeof made?.collect !== "function") throw new Error(`${name} returned no collector`);
  return made as Collector;
}

async function loadFactory(name: string): Promise<CollectorFactory> {
  const { default: factory } = await loadModule(name).catch((cause) => {
    const reason = messageOf(cause);
    const known = [...BUILT_IN.keys()].join(", ");
    throw new Error(`${name} isn't a built-in collector (${known}) and can't be loaded: ${reason}`, {
      cause,
    });
  });
  if (typeof factory !== "function") throw new Error(`${name} has no function as its default export`);
  return factory as CollectorFactory;
}
