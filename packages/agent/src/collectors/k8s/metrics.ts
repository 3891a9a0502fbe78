/** What the k8s collector can be asked for. `ram` and `filesystem` are the original's words for memory and fs. */
export const POD_METRICS = ["memory", "ram", "cpu", "network"] as const;
export const NODE_METRICS = ["memory", "ram", "cpu", "network", "fs", "filesystem", "inodes"] as const;

export type PodMetric = (typeof POD_METRICS)[number];
export type NodeMetric = (typeof NODE_METRICS)[number];
