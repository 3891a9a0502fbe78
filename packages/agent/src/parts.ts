/** What an agent works with, opened anew with every change of its settings: the wrapper and the outputs. */
import type { Config } from "./config/config.js";
import { type Outputs, openDatadog, openStdout } from "./outputs/open.js";
import { loadWrapper } from "./wrappers/load.js";
import type { Wrap } from "./wrappers/wrapper.js";

export interface Parts {
  readonly wrap: Wrap;
  readonly outputs: Outputs;
}

/** Rejects where a file or a module that a setting names can't be used: before anything is done with it. */
export async function openParts(config: Config): Promise<Parts> {
  const { settings } = config;
  return { wrap: await loadWrapper(settings.wrapper, settings), outputs: await openOutputs(config) };
}

export async function closeParts({ outputs }: Parts): Promise<void> {
  await outputs.metrics.close();
  await outputs.logs.close();
}

async function openOutputs({ settings, output, datadogUrl, logsUrl }: Config): Promise<Outputs> {
  const { host, globalTags, httpProxy, httpsProxy, noProxy } = settings;
  if (output === "datadog") {
    const proxies = { http: httpProxy, https: httpsProxy, except: noProxy };
    return openDatadog({ ...settings, apiUrl: datadogUrl, logsUrl, proxies });
  }
  const write = (text: string) => process.stdout.write(text);
  return openStdout({ host, globalTags, pretty: process.stdout.isTTY, write });
}
