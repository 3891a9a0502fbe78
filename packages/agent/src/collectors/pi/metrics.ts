/** What the pi collector can be asked for. */
export const PI_METRICS = ["temp", "throttled", "clock", "core_clock", "voltage"] as const;

export type PiMetric = (typeof PI_METRICS)[number];
