import type { LoadOrder, LoadReply } from './load-protocol.ts'
import { runLoad } from './load-run.ts'

// One process makes the load for all servers, so that its code is as warm for the last as for the first.
process.on('message', async (order: LoadOrder) => {
  const reply: LoadReply = await runLoad(order).then(
    (result) => ({ result }),
    (error: Error) => ({ error: error.message }),
  )
  process.send!(reply)
})
process.on('disconnect', () => process.exit())
