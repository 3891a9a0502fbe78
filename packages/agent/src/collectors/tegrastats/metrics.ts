/** What the tegrastats collector can be asked for. */
export const TEGRASTATS_METRICS = ["ram", "temp", "swap", "gpu", "emc", "cpu", "power"] as const;

export type TegrastatsMetric = (typeof TEGRASTATS_METRICS)[number];
