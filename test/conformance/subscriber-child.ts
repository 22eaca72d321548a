// A process that runs subscribers on the database that it is told, until it is killed.
import { Definition } from '../../src/access/index.ts'
import { Units } from '../../src/commit/index.ts'
import { ConsumerHost, consumersOf, effectRecords } from '../../src/effects/index.ts'
import { silentLogger } from '../../src/observe/index.ts'
import { createPostgresStorage, createSqliteStorage, Queries } from '../../src/storage/index.ts'
import { Effect, Note } from './consumer-models.ts'
import { crashSubscribers } from './subscriber-crash.ts'

const address = JSON.parse(process.argv[2]!)
const { schema, policies, hooks } = new Definition({ Note, Effect }, undefined, effectRecords)
const storage = 'url' in address ? createPostgresStorage(address) : createSqliteStorage(address)
await storage.open()
const queries = new Queries(storage.dialect, schema)
const units = new Units({ storage, queries, schema, hooks, guardFor: (user) => policies.guard(schema, user) })
const parts = { storage, units, now: Date.now, log: silentLogger }
// Soon taken over, so that the test is soon over.
const host = new ConsumerHost(
  { ...parts, owner: String(process.pid), lease: 300, every: 50 },
  consumersOf(crashSubscribers, parts),
)
await host.start()
// Nothing else keeps it alive: following the log does not, nor does SQLite.
process.on('message', () => {})
process.send!('running')
