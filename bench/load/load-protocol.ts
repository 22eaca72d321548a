/** What the process that makes the load is asked, by message. */
export interface LoadOrder {
  /** What to call it when it fails. */
  name: string
  /** Whole requests, sent in this order over and over. */
  requests: readonly string[]
  port: number
  /** The server's process, whose use of the processor is read at the very begin and end of the timed part. */
  pid: number
  connections: number
  /** Leaves its core to others while it has nothing to do: where a database server needs it. Default: false. */
  maySleep?: boolean
  /** Seconds of load before anything is counted. */
  leadIn: number
  seconds: number
}

export interface LoadResult {
  /** Answered within the timed part. */
  requests: number
  seconds: number
  /** By status, lead-in and what was under way at the end included. */
  statuses: Record<number, number>
  /** Milliseconds. */
  p50: number
  p99: number
  /** Bytes of the last answer's body. */
  length: number
  /** Seconds of processor time in the timed part: the server's, the load generator's own, the rest of the machine's. */
  serverCpu: number
  loadCpu: number
  othersCpu: number
}

export type LoadReply = { result: LoadResult } | { error: string }
