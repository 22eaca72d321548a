// The process that `monobloc start --processes` starts, once for each and again for each reload. It answers the connections
// that its supervisor hands to it, and ends when it is told to or when the supervisor is gone.
import type { Socket } from 'node:net'
import {
  exitCodeOf,
  exitCodes,
  programs,
  SupervisedProcess,
  type SupervisorMessage,
  startFailure,
  type WorkerMessage,
  wantsColour,
} from '../runtime/index.ts'
import { loadApp } from './app-load.ts'

const [file, folder, number, which] = process.argv.slice(2) as [string, string, string, 'first' | 'next']

const supervised = new SupervisedProcess({
  number: Number(number),
  first: which === 'first',
  // A supervisor that is gone is told nothing.
  send: (message: WorkerMessage) => void (process.connected && process.send!(message, undefined, undefined, () => {})),
})
const shared = programs()
shared.supervised = supervised
// One of them says where the app is.
shared.quiet = which === 'next'

// As long as a process without a supervisor gives itself beside the drain.
const closingTime = 1500

function stop(patience: number | undefined): void {
  const late = () => process.exit(exitCodes.failure)
  setTimeout(late, supervised.drain + (patience ?? 0) + closingTime).unref()
  supervised.patience = patience
  if (patience === undefined) supervised.hurried.resolve()
  if (supervised.isStopping) return
  supervised.isStopping = true
  void Promise.allSettled(shared.apps.map((app) => app.stop())).then((ends) => {
    process.exit(ends.some(({ status }) => status === 'rejected') ? exitCodes.failure : exitCodes.ok)
  })
}

process.on('message', (message: SupervisorMessage, socket?: Socket) => {
  if (message.kind === 'stop') stop(message.patience)
  else supervised.heard(message, socket)
})
process.on('disconnect', () => stop(undefined))
// A terminal sends it to the whole group: what it means is the supervisor's to say.
process.on('SIGHUP', () => {})

try {
  const { app, listens } = await loadApp(file, folder, 'production')
  await (listens ? app.start() : app.listen())
  process.send!({ kind: 'ready', drain: supervised.drain } satisfies WorkerMessage)
} catch (error) {
  if (supervised.isStopping) await new Promise(() => {})
  process.stderr.write(startFailure(error, wantsColour(process.stderr)))
  process.exit(exitCodeOf(error))
}
