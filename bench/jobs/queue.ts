/** What a round asks of each queue. */
export interface BenchQueue {
  /** Lets one job run, in a transaction of its own: resolves when it is as durable as the queue makes it. */
  enqueue(n: number): Promise<unknown>
  /** Runs jobs from now on. @param handle what each of them does */
  start(handle: (n: number) => void): Promise<unknown>
  /** Runs no more of them. */
  stop(): Promise<unknown>
  /** How many its store has whose completion is not committed. */
  open(): Promise<number>
  close(): Promise<unknown>
}

/** What a round measures. */
export interface RoundOptions {
  /** Jobs that are enqueued while nobody works, and then processed. */
  backlog: number
  /** Jobs that are enqueued while a worker runs. */
  passing: number
  /** Jobs that are enqueued one after another while a worker waits. */
  singles: number
  callers: number
}

export interface RoundResult {
  enqueuedPerSecond: number
  processedPerSecond: number
  endToEndPerSecond: number
  /** Microseconds of processor time of the queue's own process for each job that is processed; that of its server is not in it. */
  processedCpu: number
  /** From the call that enqueues a single job to the start of its handler, in milliseconds. */
  latencyMedian: number
  latencyP99: number
}
