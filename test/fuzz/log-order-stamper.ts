// A node that gives positions all the time, in a process of its own, to be killed and stopped.
import { setTimeout as wait } from 'node:timers/promises'
import { stamp } from '../../src/storage/postgres/postgres-stamper.ts'
import { connectTo } from './log-order-database.ts'

const [url] = process.argv.slice(2)
for (;;) {
  const connection = await connectTo(url!, 'stamper')
  process.send?.('up')
  while (!connection.isLost()) {
    await stamp(connection.ask, Date.now(), performance.now() + 60_000).catch((error) => {
      if (!connection.isLost()) throw error
    })
    await wait(Math.random() * 5)
  }
}
