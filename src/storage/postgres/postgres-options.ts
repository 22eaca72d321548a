export interface PostgresOptions {
  /** `postgres://user:password@host:port/database?sslmode=…`. */
  url: string
  /** Connections of this process at most. Default: 10. */
  connections?: number
  /** Writes that may wait for their turn; one more is refused with `overloaded`. Default: 10,000. */
  maxWaitingWrites?: number
  /** Reads that may wait for a connection; one more is refused with `overloaded`. Default: 1,000. */
  maxWaitingReads?: number
  /** Milliseconds that opening waits for a server that starts up, or can't be reached yet. Default: 5,000. */
  openMillis?: number
  /** Milliseconds that closing waits for reads under way, before it gives them up. Default: 1,000. */
  closeMillis?: number
  /** The time written to the log. Default: `Date`. */
  clock?: { now(): number }
}

export type PostgresSettings = ReturnType<typeof settingsOf>

/** @throws MonoblocError `configuration_invalid` */
export function settingsOf(options: PostgresOptions) {
  const clock = options.clock ?? Date
  return {
    url: options.url,
    connections: options.connections ?? 10,
    maxWaitingWrites: options.maxWaitingWrites ?? 10_000,
    maxWaitingReads: options.maxWaitingReads ?? 1_000,
    openMillis: options.openMillis ?? 5_000,
    closeMillis: options.closeMillis ?? 1_000,
    now: () => clock.now(),
    // 2 s: what a cancelled statement and its rollback may take on a loaded server. A connection that takes longer is closed.
    quietMillis: 2_000,
    // 100 ms: a server that restarts is back within some seconds, and a refused connection costs it nothing.
    retryMillis: 100,
    pooler: false,
  }
}
