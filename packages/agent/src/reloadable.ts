/** What an agent works with, opened anew with every change of its settings: the wrapper and the outputs. */
import type { Config } from "./config/config.js";
import { currentHostName } from "./config/host-name.js";
import { type Outputs, openDatadog, openStdout } from "./outputs/open-outputs.js";
import { loadWrapper } from "./wrappers/load-wrapper.js";
import type { Wrap } from "./wrappers/wrapper.js";

export interface Parts {
  readonly wrap: Wrap;
  readonly outputs: Outputs;
}

/** Rejects where a file or a module that a setting names can't be used: before anything is done with it. */
export async function openParts(config: Config): Promise<Parts> {
  const { settings } = config;
  return {
    wrap: await loadWrapper(settings.wrapper, settings),
    outputs: await OUTPUTS[config.output](config),
  };
}

export async function closeParts({ outputs }: Parts): Promise<void> {
  await outputs.metrics.close();
  await outputs.logs.close();
}

const OUTPUTS: Readonly<Record<Config["output"], (config: Config) => Promise<Outputs>>> = {
  datadog: ({ settings, datadogUrl, logsUrl }) => {
    const { httpProxy, httpsProxy, noProxy } = settings;
    const proxies = { http: httpProxy, https: httpsProxy, except: noProxy };
    const hostName = () => currentHostName(settings);
    return openDatadog({ ...settings, hostName, apiUrl: datadogUrl, logsUrl, proxies });
  },
  stdout: async ({ settings }) => {
    const { globalTags } = settings;
    const hostName = () => currentHostName(settings);
    const write = (text: string) => process.stdout.write(text);
    return openStdout({ hostName, globalTags, pretty: process.stdout.isTTY, write });
  },
};
