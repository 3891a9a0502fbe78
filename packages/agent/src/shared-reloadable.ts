/**
 * Wrapper and outputs that several users share: they are opened once for the same settings, and closed with the last user.
 * So an agent with many shards has one connection to Datadog.
 */
import type { Config } from "./config/config.js";
import { OUTPUTS } from "./config/outputs.js";
import type { WireMeter } from "./outputs/wire-meter.js";
import { closeReloadable, openReloadable, type Reloadable } from "./reloadable.js";

interface Shared {
  readonly opening: Promise<Reloadable>;
  users: number;
}

export class SharedReloadable {
  readonly #wireMeter: WireMeter;
  readonly #shared = new Map<Config, Shared>();
  readonly #opened = new Map<Reloadable, Config>();

  constructor(wireMeter: WireMeter) {
    this.#wireMeter = wireMeter;
  }

  /** Rejects if a file or module that a setting names can't be used. */
  async open(config: Config): Promise<Reloadable> {
    if (OUTPUTS[config.output].isPerStore) return openReloadable(config, this.#wireMeter);
    const shared = this.#shared.get(config) ?? { opening: openReloadable(config, this.#wireMeter), users: 0 };
    shared.users += 1;
    this.#shared.set(config, shared);
    try {
      const opened = await shared.opening;
      this.#opened.set(opened, config);
      return opened;
    } catch (error) {
      this.#shared.delete(config);
      throw error;
    }
  }

  async close(opened: Reloadable): Promise<void> {
    const config = this.#opened.get(opened);
    const shared = config && this.#shared.get(config);
    if (config !== undefined && shared !== undefined) {
      shared.users -= 1;
      if (shared.users > 0) return;
      this.#shared.delete(config);
      this.#opened.delete(opened);
    }
    await closeReloadable(opened);
  }
}
