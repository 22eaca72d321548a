import { fileURLToPath } from 'node:url'
import { nextMessage, startChild, stopChild } from '../child.ts'
import type { LoadOrder, LoadReply, LoadResult } from './load-protocol.ts'

/** The process that makes the load, on a core of its own. */
export interface LoadProcess {
  run(order: LoadOrder): Promise<LoadResult>
  stop(): Promise<void>
}

export function startLoadProcess(): LoadProcess {
  const child = startChild(fileURLToPath(new URL('./load-main.ts', import.meta.url)), [], { core: 1 })
  return {
    async run(order) {
      const reply = nextMessage<LoadReply>(child, 'the load generator')
      child.send(order)
      const message = await reply
      if ('error' in message) throw new Error(`${order.name} on port ${order.port}: ${message.error}`)
      return message.result
    },
    stop: () => stopChild(child),
  }
}
