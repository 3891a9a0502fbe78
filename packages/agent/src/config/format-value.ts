/** A setting's value as people write it. */
export function inWords(value: unknown): string {
  if (value === null || value === undefined) return "-";
  if (Array.isArray(value)) {
    return value.map((item) => (typeof item === "object" ? JSON.stringify(item) : item)).join(",") || "-";
  }
  if (typeof value !== "object") return String(value);
  return "host" in value && "port" in value ? `${value.host}:${value.port}` : JSON.stringify(value);
}
