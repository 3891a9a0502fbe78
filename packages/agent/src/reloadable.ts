/** The wrapper and the outputs, which are opened again when the settings change. */
import type { Config } from "./config/config.js";
import { currentHostName } from "./config/host-name.js";
import type { OutputName } from "./config/outputs.js";
import { seriesVersion } from "./config/series-version.js";
import { openGateway } from "./outputs/gateway.js";
import { gatewayAddress } from "./outputs/gateway-address.js";
import { type Outputs, openDatadog } from "./outputs/open-outputs.js";
import { openStdout } from "./outputs/stdout.js";
import type { WireMeter } from "./outputs/wire-meter.js";
import { loadWrapper } from "./wrappers/load-wrapper.js";
import type { Wrap } from "./wrappers/wrapper.js";

export interface Reloadable {
  readonly wrap: Wrap;
  readonly outputs: Outputs;
}

/** Rejects if a file or module that a setting names can't be used. */
export async function openReloadable(config: Config, wireMeter: WireMeter): Promise<Reloadable> {
  const { settings } = config;
  return {
    wrap: await loadWrapper(settings.wrapper, settings),
    outputs: await OPEN_OUTPUTS[config.output](config, wireMeter),
  };
}

export async function closeReloadable({ outputs }: Reloadable): Promise<void> {
  await Promise.all(Object.values(outputs).map((output) => output.close()));
}

const OPEN_OUTPUTS: Readonly<Record<OutputName, (config: Config, wireMeter: WireMeter) => Promise<Outputs>>> =
  {
    datadog: ({ settings, datadogUrl, logsUrl }, wireMeter) => {
      const { httpProxy, httpsProxy, noProxy } = settings;
      const proxies = { http: httpProxy, https: httpsProxy, except: noProxy };
      const hostName = () => currentHostName(settings);
      const version = seriesVersion(settings.seriesVersion, datadogUrl);
      return openDatadog({
        ...{ ...settings, hostName, apiUrl: datadogUrl, logsUrl, proxies },
        seriesVersion: version,
        wireMeter,
      });
    },
    gateway: async ({ settings }) => {
      const address = await gatewayAddress(settings);
      return openGateway({ address, hostName: () => currentHostName(settings) });
    },
    stdout: async ({ settings }) => {
      const hostName = () => currentHostName(settings);
      const write = (text: string) => process.stdout.write(text);
      return openStdout({ hostName, pretty: process.stdout.isTTY, write });
    },
  };
