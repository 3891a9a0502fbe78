/** What a sender reports. Not in its file, whose types would all be part of the public ones. */
export interface SenderListener {
  onConnected(): void;
  /** The connection ended, or an attempt failed. */
  onDisconnected(error: Error): void;
  /** The server refuses: missing rights, no memory, read-only, loading. */
  onRefused(error: Error): void;
  onStored(records: number): void;
}
