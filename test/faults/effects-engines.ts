import { execFileSync } from 'node:child_process'
import path from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { type EffectsRun, runEffects } from './effects-run.ts'
import { programOf } from './postgres-programs.ts'
import { PostgresServer } from './postgres-server.ts'
import { signal } from './processes.ts'
import type { Random } from './random.ts'

type Given = Omit<EffectsRun, 'engine' | 'database' | 'strikeServer'>

/** On a new database of an engine. */
export async function runOn(engine: string, given: Given) {
  if (engine === 'sqlite') return runEffects({ ...given, engine, database: path.join(given.folder, 'app.db') })
  const server = await borrowServer()
  try {
    await server.query('create database app')
    const result = await runEffects({
      ...given,
      engine,
      database: server.url('app'),
      strikeServer: (random) => strike(random, server),
    })
    if (result.violations.length > 0) keep(server, path.join(given.folder, 'app.sql'))
    return result
  } finally {
    await server.query('drop database app with (force)')
    giveServerBack()
  }
}

/** For whoever has to find out why: the database goes with its seed. */
function keep(server: PostgresServer, file: string): void {
  const dump = programOf('pg_dump')
  if (dump) execFileSync(dump, ['--file', file, server.url('app')])
}

/** Milliseconds: making a server takes longer than most of a seed, so that the next one has it too. */
const keptMilliseconds = 3_000

let shared: PostgresServer | undefined
let removal: NodeJS.Timeout | undefined

async function borrowServer(): Promise<PostgresServer> {
  clearTimeout(removal)
  shared ??= await PostgresServer.create()
  if (!shared.isUp) await shared.start()
  return shared
}

function giveServerBack(): void {
  removal = setTimeout(() => {
    void shared?.remove()
    shared = undefined
  }, keptMilliseconds)
}

async function strike(random: Random, server: PostgresServer): Promise<string> {
  const kind = random.pick(['server killed', 'server stopped', 'one of its processes', 'server stands still'] as const)
  if (kind === 'one of its processes') {
    const backends = server.processes('app')
    if (backends.length > 0) signal(random.pick(backends), 'SIGKILL')
  } else if (kind === 'server stands still') {
    const all = server.processes('')
    for (const one of all) signal(one, 'SIGSTOP')
    await wait(100 + random.below(900))
    for (const one of all) signal(one, 'SIGCONT')
  } else {
    await (kind === 'server killed' ? server.kill() : server.stop())
    await wait(random.below(300))
    await server.start()
  }
  return kind
}
