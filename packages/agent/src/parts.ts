/** What an agent works with, opened anew with every change of its settings: the wrapper and the outputs. */
import type { Config } from "./config/config.js";
import { currentHostName } from "./config/host-name.js";
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
  const { globalTags, httpProxy, httpsProxy, noProxy } = settings;
  const hostName = () => currentHostName(settings);
  if (output === "datadog") {
    const proxies = { http: httpProxy, https: httpsProxy, except: noProxy };
    return openDatadog({ ...settings, hostName, apiUrl: datadogUrl, logsUrl, proxies });
  }
  const write = (text: string) => process.stdout.write(text);
  return openStdout({ hostName, globalTags, pretty: process.stdout.isTTY, write });
}
