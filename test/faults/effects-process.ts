// Serves the app of the campaign on a database: effects-process.ts DATABASE TESTING, where TESTING is JSON of
// `EffectsTesting`. Prints `listening PORT PID`, and ends with whoever holds its standard input.
import { flushCompileCache } from 'node:module'
import { backend } from 'monobloc'
import { exitCodeOf } from '../../src/runtime/exit-code.ts'
import { seed, serve } from './effects-app.ts'
import { sharedClock } from './effects-clock.ts'
import { type EffectsTesting, plant } from './effects-planted.ts'
import { setPoint, watchPoints } from './effects-points.ts'

process.stdin.on('close', () => process.exit(1)).resume()

const [database, given] = process.argv.slice(2) as [string, string]
const { point, clock, receiver, planted, storage = {} } = JSON.parse(given) as EffectsTesting
if (planted) plant(planted)
if (point) {
  watchPoints()
  setPoint(point)
}
const options = {
  name: 'effects',
  serve,
  seed: (db: Parameters<typeof seed>[0]) => seed(db, receiver),
  database,
  testing: storage,
  host: '127.0.0.1',
}
const app = backend(options as Parameters<typeof backend>[0])
for (const signal of ['SIGTERM', 'SIGINT'] as const)
  process.once(signal, () => {
    void app.stop().then(
      () => process.exit(0),
      (error) => {
        console.error(error)
        process.exit(1)
      },
    )
  })
// As a program ends that says `app.listen()`.
const refused = (error: unknown) => {
  console.error(error)
  process.exit(exitCodeOf(error))
}
const { port } = await app.start({ port: 0, now: sharedClock(clock) }).catch(refused)
console.log(`listening ${port} ${process.pid}`)
// Whoever is killed writes nothing down at its end.
flushCompileCache()
