// A file in several transactions, for tables so large that one would keep others out for long.
//
// Its statements are done in order: neighbours that need but a moment in one transaction, and each of these apart: an index
// built beside writes (in none), a constraint that is held against all rows, a fill in batches. Each transaction notes its
// statements in the journal, so that a crash leaves each of them done or not done, and the next apply goes on behind the
// last. An index whose building was cut off is there and invalid: it is dropped, and built again. The last transaction makes
// what hangs on the tables, and notes the file as applied.
import { createHash } from 'node:crypto'
import { errorTable, MonoblocError } from '../../errors.ts'
import type { MigrationProgress } from '../migrations/migration.ts'
import type { MigrationFile } from '../migrations/migration-file.ts'
import { refused } from '../migrations/migration-refusal.ts'
import { type Ask, readTables, type Tables } from './postgres-catalog.ts'
import { isInterrupted, type MigrationClient, translated } from './postgres-migration-client.ts'
import { dropFillTriggers, fillTable, readFill, refuseUnconverted, tableOfEnd } from './postgres-migration-fill.ts'
import { type DoneStep, noteApplied, noteStep, readSteps } from './postgres-migration-history.ts'
import {
  failure,
  type MigrationRun,
  type PlacedStatement,
  placedStatements,
  type RunOptions,
} from './postgres-migration-run.ts'
import { type SchemaAct, schemaAct } from './postgres-statements.ts'
import { quoted } from './postgres-table.ts'

export interface PhaseOptions extends RunOptions {
  waitMillis: number
  /** Blocks of a table that are filled in one transaction. */
  batchBlocks: number
}

type Kind = 'together' | 'index' | 'validate' | 'fill' | 'data'

interface Phase {
  kind: Kind
  parts: (PlacedStatement & { act: SchemaAct | undefined })[]
}

/** What a statement must be done apart for, on a large table. */
export function onlineKind({ section, statement }: PlacedStatement): Kind {
  if (section.kind !== 'step') return section.kind
  const act = schemaAct(statement)
  if ((act?.act === 'create index' || act?.act === 'drop index') && act.concurrently) return 'index'
  return act?.act === 'validate constraint' ? 'validate' : 'together'
}

function phasesOf(statements: readonly PlacedStatement[]): Phase[] {
  const phases: Phase[] = []
  for (const placed of statements) {
    const kind = onlineKind(placed)
    const part = { ...placed, act: schemaAct(placed.statement) }
    const last = phases.at(-1)
    if (kind === 'together' && last?.kind === 'together') last.parts.push(part)
    else phases.push({ kind, parts: [part] })
  }
  return phases
}

export class MigrationPhases {
  readonly #client: MigrationClient
  readonly #ask: Ask
  readonly #options: PhaseOptions
  readonly #newRun: () => MigrationRun
  readonly #file: MigrationFile

  constructor(client: MigrationClient, options: PhaseOptions, newRun: () => MigrationRun, file: MigrationFile) {
    this.#client = client
    this.#ask = client.ask
    this.#options = options
    this.#newRun = newRun
    this.#file = file
  }

  /** @throws MonoblocError `migration_stopped` where something fails after a part was done */
  async apply(after: Tables): Promise<void> {
    const began = performance.now()
    const all = placedStatements(this.#file)
    const done = await readSteps(this.#ask, this.#file.name)
    this.#checkUnchanged(all, done)
    const left = all.filter(({ place }) => !isWhole(done.get(place)))
    let stopped = done.size > 0
    try {
      for (const phase of phasesOf(left)) {
        await this.#phase(phase, done)
        stopped = true
      }
      await this.#conclude(all, after, began)
    } catch (error) {
      const said = translated(error)
      if (!stopped || !(said instanceof MonoblocError) || said.code !== 'migration_refused') throw said
      throw stoppedAt(this.#file, said)
    }
  }

  // What was done can't be done otherwise any more; what comes after it may be changed.
  #checkUnchanged(all: readonly PlacedStatement[], done: ReadonlyMap<number, DoneStep>): void {
    for (const { place, digest } of done.values()) {
      const now = all[place]
      if (now && digestOf(now) === digest) continue
      throw refused(
        this.#file,
        `it was begun on this database, and its statement ${place + 1} is not the one that was done. Put back what was done; what comes behind it may be changed.`,
      )
    }
  }

  async #phase({ kind, parts }: Phase, done: ReadonlyMap<number, DoneStep>): Promise<void> {
    const [only] = parts as [PlacedStatement & { act: SchemaAct }]
    this.#tell(kind, only)
    switch (kind) {
      case 'index':
        return this.#index(only)
      case 'fill':
        return this.#fill(only, done.get(only.place)?.blocks)
      case 'together':
        return this.#together(parts, () => this.#refuseUnconverted(parts))
      default:
        return this.#together(parts)
    }
  }

  #tell(kind: Kind, { act, section }: Phase['parts'][number]): void {
    const { onProgress } = this.#options
    if (kind === 'index' && act?.act === 'create index') onProgress?.({ what: `building ${act.name}` })
    if (kind === 'validate' && act?.act === 'validate constraint')
      onProgress?.({ what: `holding the rows of ${act.name} to ${act.constraint}` })
    if (kind === 'data') onProgress?.({ what: section.title || 'changing rows' })
  }

  async #together(parts: Phase['parts'], before?: () => Promise<void>): Promise<void> {
    await this.#client.patiently(this.#options.waitMillis, async () => {
      await before?.()
      const run = this.#newRun()
      await dropFillTriggers(this.#ask, new Set(parts.flatMap(({ act }) => tableOfEnd(act) ?? [])))
      for (const part of parts) {
        await run.statement(part, new Set())
        await this.#note(part)
      }
      await run.pause()
      if (parts.some(({ section }) => section.kind === 'data')) await run.conclude(this.#file)
    })
  }

  async #refuseUnconverted(parts: Phase['parts']): Promise<void> {
    const tables = new Set(parts.flatMap(({ act }) => (act && 'name' in act ? [act.name] : [])))
    for (const part of placedStatements(this.#file).slice(0, parts[0]!.place)) {
      if (part.section.kind === 'fill' && tables.has(readFill(part).table)) await refuseUnconverted(this.#ask, part)
    }
  }

  async #note(placed: PlacedStatement, blocks?: number): Promise<void> {
    await noteStep(this.#ask, this.#file.name, { place: placed.place, digest: digestOf(placed), blocks })
  }

  async #index(part: PlacedStatement & { act: SchemaAct }): Promise<void> {
    const { act, statement } = part
    if (act.act !== 'create index' && act.act !== 'drop index') return
    const there = await this.#indexNamed(act.name)
    const isDone = act.act === 'create index' ? there?.valid === true : there === undefined
    if (!isDone) {
      if (act.act === 'create index' && there) await this.#dropIndex(act.name)
      try {
        await this.#ask(statement.sql)
      } catch (error) {
        if (isInterrupted(error)) throw error
        if (act.act === 'create index') await this.#dropIndex(act.name)
        throw failure(part, error)
      }
    }
    await this.#note(part)
  }

  async #dropIndex(name: string): Promise<void> {
    await this.#ask(`DROP INDEX CONCURRENTLY IF EXISTS ${quoted(name)}`)
  }

  async #indexNamed(name: string): Promise<{ valid: boolean } | undefined> {
    const tables = await readTables(this.#ask)
    return [...tables.values()].map((table) => table.indexes.get(name)).find((index) => index !== undefined)
  }

  async #fill(part: PlacedStatement, from: number | undefined): Promise<void> {
    const { schema, waitMillis, batchBlocks, onProgress } = this.#options
    const title = part.section.title || 'filling'
    const progress = (did: number, total: number) =>
      onProgress?.({ what: title, done: did, total } satisfies MigrationProgress)
    await fillTable({
      client: this.#client,
      schema,
      part,
      waitMillis,
      batchBlocks,
      from,
      progress,
      note: (blocks) => this.#note(part, blocks),
    })
  }

  async #conclude(all: readonly PlacedStatement[], after: Tables, began: number): Promise<void> {
    const { now, waitMillis } = this.#options
    await this.#client.patiently(waitMillis, async () => {
      const run = this.#newRun()
      if (this.#file.isProgram) await run.program(this.#file)
      await dropFillTriggers(this.#ask)
      const touched = new Set(
        all.flatMap(({ section, statement }) => (section.kind === 'data' ? [] : tableOf(schemaAct(statement)))),
      )
      await run.finish(after)
      await run.conclude(this.#file, touched)
      await noteApplied(this.#ask, this.#file, now(), performance.now() - began)
    })
  }
}

function stoppedAt(file: MigrationFile, { message, publicMessage, cause }: MonoblocError): MonoblocError {
  const { remedy } = errorTable.migration_refused
  const detail = message.replace(`${publicMessage} (${file.name}) `, '').replace(` ${remedy}`, '')
  return new MonoblocError('migration_stopped', { subject: file.name, detail, cause })
}

function tableOf(act: SchemaAct | undefined): string[] {
  if (!act || act.act === 'drop index') return []
  if (act.act === 'rename table') return [act.to]
  return act.act === 'create index' ? [act.table] : [act.name]
}

function isWhole(step: DoneStep | undefined): boolean {
  return step !== undefined && step.blocks === undefined
}

function digestOf({ section, statement }: PlacedStatement): string {
  return createHash('sha256').update(`${section.kind} ${statement.sql}`).digest('hex')
}
