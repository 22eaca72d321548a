import { execFile } from 'node:child_process'
import { mkdirSync, rmSync } from 'node:fs'
import path from 'node:path'
import { promisify } from 'node:util'
import type { Schema } from '../../schema/index.ts'
import type {
  AppliedReport,
  ApplyOptions,
  Difference,
  MigrationPlan,
  MigrationStatus,
} from '../migrations/migration.ts'
import { asFile, type MigrationFile, needsConsent } from '../migrations/migration-file.ts'
import { fileStates, pendingFiles } from '../migrations/migration-history.ts'
import { lossQuestions } from '../migrations/migration-losses.ts'
import { drifted, missingConsents, refuseUnsaid } from '../migrations/migration-refusal.ts'
import { differencesBetween } from '../migrations/schema-difference.ts'
import { askOn } from './postgres-ask.ts'
import { readTables, type Tables } from './postgres-catalog.ts'
import type { PostgresConnection } from './postgres-connection.ts'
import type { MigrationClient } from './postgres-migration-client.ts'
import { begunFiles, hasTable, noteApplied, prepareHistory, readHistory } from './postgres-migration-history.ts'
import { MigrationPhases, onlineKind } from './postgres-migration-phases.ts'
import { type PlannedSteps, planSteps } from './postgres-migration-plan.ts'
import { MigrationRun, placedStatements, type RunOptions } from './postgres-migration-run.ts'
import type { PostgresSettings } from './postgres-options.ts'
import { appTables, enterShadow, Replay, withShadow } from './postgres-shadow.ts'
import { lookAtEnd, stamp } from './postgres-stamper.ts'
import { schemaAct } from './postgres-statements.ts'
import { quoted } from './postgres-table.ts'
import { copyTables, readDefinitions } from './postgres-table-copies.ts'

/** For tests: what can't be had on purpose. */
export interface TestingOptions {
  testing?: {
    /** Rows from which a table is large. */
    bigTable?: number
    batchBlocks?: number
  }
}

/**
 * Rows from which a table is large: an index, a proof or a rewrite of fewer takes less than a second, for which all of a
 * migration may be one transaction.
 */
const bigTable = 100_000

/** Blocks of a batch: 8 MiB of rows, which are written in some hundred milliseconds. */
const batchBlocks = 1024

/** Rows of each table in a rehearsal. */
const rehearsedRows = 1000

const waitMillis = 60_000

/** What one call has found out before anything is written. */
interface Judged {
  pending: MigrationFile[]
  /** The tables after each pending file. */
  after: Tables[]
  /** The database is not what its applied files make. */
  drift: Difference[]
  /** Nothing is in it. */
  empty: boolean
  /** The first pending file was begun, and not ended. */
  begun: boolean
  /** Tables of which something is lost. */
  losing: Set<string>
}

/** What changes a schema, or says what would change it, on a connection of its own. It is loaded on use. */
export class PostgresMigrationWork {
  readonly #client: MigrationClient
  readonly #connection: PostgresConnection
  readonly #settings: PostgresSettings
  readonly #testing: NonNullable<TestingOptions['testing']>

  constructor(
    client: MigrationClient,
    connection: PostgresConnection,
    settings: PostgresSettings,
    testing: TestingOptions['testing'] = {},
  ) {
    this.#client = client
    this.#connection = connection
    this.#settings = settings
    this.#testing = testing
  }

  async plan(files: readonly MigrationFile[], schema: Schema): Promise<MigrationPlan> {
    const { ask } = this.#client
    const { steps, questions, before } = await withShadow(this.#client, async () => {
      await new Replay(ask).addAll(files)
      return planSteps(ask, schema)
    })
    const there = new Map([...(await readTables(ask))].map(([name, { columns }]) => [name, new Set(columns.keys())]))
    const losses: Record<string, string> = {}
    for (const { consent, sql, words } of lossQuestions(steps, before, there)) {
      const counts: number[] = []
      for (const each of sql) counts.push(Number((await ask<{ n: string }>(each))[0]!.n))
      losses[consent] = words(counts)
    }
    return { steps, questions, losses }
  }

  async status(files: readonly MigrationFile[], schema: Schema): Promise<MigrationStatus> {
    const { ask } = this.#client
    const states = fileStates(files, await readHistory(ask))
    const begun = await begunFiles(ask)
    const done = states.filter(({ state }) => state === 'applied' || state === 'changed').map(({ name }) => name)
    const there = await readTables(ask)
    return withShadow(this.#client, async () => {
      const replay = new Replay(ask)
      await replay.addAll(files.filter(({ name }) => done.includes(name)))
      const drift = done.length === 0 || begun.length > 0 ? [] : driftOf(there, replay.tables)
      await replay.addAll(files.filter(({ name }) => !done.includes(name)))
      const unplanned = (await planSteps(ask, schema)).steps
      return {
        files: states,
        drift: [...begun.map((name) => `${name} was begun, and is not whole`), ...drift.map(({ words }) => words)],
        unplanned: unplanned.map(({ description }) => description),
      }
    })
  }

  async apply(options: ApplyOptions): Promise<AppliedReport> {
    const nothing: AppliedReport = { applied: [], backup: undefined, mended: [] }
    const { ask } = this.#client
    const wait = options.waitMillis ?? waitMillis
    if (options.files.length === 0) return nothing
    if (pendingFiles(options.files, await readHistory(ask)).length === 0) return nothing
    await this.#client.lock(wait, () => options.onProgress?.({ what: 'waiting for another migration' }))
    const judged = await this.#judge(options.files)
    const { pending, begun, empty, drift } = judged
    // Another process may have been first.
    if (pending.length === 0) return nothing
    if (!empty && !begun && drift.length === 0) await this.#rehearse(options, judged)
    const untouched = (await this.#position()) === (await this.migratedTo())
    const backup = await this.#backup(options, judged)
    await this.#dropInvalid(pending)
    const mended = await this.#run(options, judged, wait)
    if (untouched) await this.#noteMigrated(await this.#position())
    return { applied: pending.map(({ name }) => name), backup, mended }
  }

  async follow(schema: Schema): Promise<PlannedSteps> {
    await this.#client.lock(waitMillis)
    const planned = await this.#client.rolledBack(() => this.#stepsToModels(schema))
    if (planned.steps.length === 0 || !planned.steps.every(({ safe }) => safe)) return planned
    await this.#client.patiently(waitMillis, () => this.#steps(planned, { schema, runProgram: () => {} }))
    return planned
  }

  async migratedTo(): Promise<number> {
    const { ask } = this.#client
    if (!(await hasTable(ask, 'monobloc_meta'))) return 0
    const [row] = await ask<{ value: string }>("select value from monobloc_meta where name = 'migrated'")
    return Number(row?.value ?? 0)
  }

  /** @throws MonoblocError `migration_refused`, `schema_newer` */
  async #judge(files: readonly MigrationFile[]): Promise<Judged> {
    const { ask } = this.#client
    const history = await readHistory(ask)
    const pending = pendingFiles(files, history)
    const begun = (await begunFiles(ask)).includes(pending[0]?.name ?? '')
    const there = await readTables(ask)
    return withShadow(this.#client, async () => {
      const replay = new Replay(ask)
      await replay.addAll(files.slice(0, files.length - pending.length))
      const made = replay.tables
      const after: Tables[] = []
      const unsaid: string[] = []
      const losing = new Set<string>()
      for (const file of pending) {
        const done = await replay.add(file)
        unsaid.push(...missingConsents(file, done))
        for (const { subject } of done.filter(needsConsent)) losing.add(subject.split('.')[0]!)
        after.push(replay.tables)
      }
      refuseUnsaid(unsaid)
      // Without history, tables that are there already are taken for what `dev` or an earlier version made.
      const known = new Set([...made.keys(), ...after.flatMap((tables) => [...tables.keys()])])
      const found = [...there.keys()].filter((name) => known.has(name))
      const unknown = found.map((name) => ({ kind: 'add' as const, subject: name, words: `table ${name} is there` }))
      const drift = begun ? [] : history.length > 0 ? driftOf(there, made) : unknown
      return { pending, after, drift, empty: there.size === 0, begun, losing }
    })
  }

  /** @returns what was mended, in words */
  async #run(options: ApplyOptions, judged: Judged, wait: number): Promise<string[]> {
    const { pending, after, begun } = judged
    const lenient = judged.drift.length > 0
    const runOptions: RunOptions = { ...this.#runOptions(options), lenient }
    const newRun = () => new MigrationRun(this.#client, this.#connection, runOptions)
    if (!begun && !(await this.#isLarge(pending))) {
      return this.#client.patiently(wait, async () => {
        await this.#files(pending, after, newRun(), lenient)
        return lenient ? this.#mend(options) : []
      })
    }
    await this.#client.committed(() => prepareHistory(this.#client.ask))
    for (const [at, file] of pending.entries()) {
      const isOnline = (begun && at === 0) || (await this.#isLarge([file]))
      const phased = { ...runOptions, waitMillis: wait, batchBlocks: this.#testing.batchBlocks ?? batchBlocks }
      if (isOnline) await new MigrationPhases(this.#client, phased, newRun, file).apply(after[at]!)
      else await this.#client.patiently(wait, () => this.#files([file], [after[at]!], newRun(), lenient))
    }
    return lenient ? this.#client.patiently(wait, () => this.#mend(options)) : []
  }

  /** Whole files, in the transaction that is open. */
  async #files(files: readonly MigrationFile[], after: readonly Tables[], run: MigrationRun, lenient: boolean) {
    const { ask } = this.#client
    await prepareHistory(ask)
    for (const [at, file] of files.entries()) {
      const began = performance.now()
      await run.file(file, after[at]!)
      await noteApplied(ask, file, this.#settings.now(), performance.now() - began)
    }
    await run.finish(lenient ? undefined : after.at(-1)!)
  }

  // A database that was not what its files had made is brought to the models where that is safe.
  async #mend(options: Pick<ApplyOptions, 'schema' | 'runProgram'>): Promise<string[]> {
    await this.#client.ask('savepoint mending')
    const planned = await this.#stepsToModels(options.schema)
    await this.#client.ask('rollback to savepoint mending')
    const unsafe = planned.steps.filter(({ safe }) => !safe)
    if (unsafe.length > 0) throw drifted(unsafe.map(({ description }) => description))
    await this.#steps(planned, options)
    return planned.steps.map(({ description }) => description)
  }

  async #steps({ steps }: PlannedSteps, options: Pick<ApplyOptions, 'schema' | 'runProgram'>): Promise<void> {
    const run = new MigrationRun(this.#client, this.#connection, { ...this.#runOptions(options), lenient: false })
    for (const placed of placedStatements(asFile(steps, 'postgresql'))) await run.statement(placed, new Set())
    await run.finish(undefined)
  }

  /** From what is there to the models; tables that are not of the models are left alone. In the transaction that is open. */
  async #stepsToModels(schema: Schema): Promise<PlannedSteps> {
    const { ask } = this.#client
    const names = new Set(appTables(schema).flatMap(({ name, renamedFrom }) => [name, renamedFrom ?? name]))
    const definitions = await readDefinitions(ask, names)
    await enterShadow(ask)
    await copyTables(ask, definitions)
    return planSteps(ask, schema, new Set())
  }

  /** On some of the rows of each table, in a schema that is rolled back: a file that fails should fail here. */
  async #rehearse(options: ApplyOptions, { pending, after }: Judged): Promise<void> {
    const { ask } = this.#client
    options.onProgress?.({ what: `rehearsing on ${rehearsedRows} rows of each table` })
    await this.#client.rolledBack(async () => {
      const definitions = await readDefinitions(ask)
      await enterShadow(ask)
      const sampled = await copyTables(ask, definitions, rehearsedRows)
      const rehearsal = { ...this.#runOptions(options), lenient: false, rehearsal: { sampled } }
      const run = new MigrationRun(this.#client, this.#connection, rehearsal)
      for (const [at, file] of pending.entries()) await run.file(file, after[at]!)
      await run.finish(after.at(-1)!)
    })
  }

  #runOptions({ schema, runProgram, onProgress }: Pick<ApplyOptions, 'schema' | 'runProgram' | 'onProgress'>) {
    return { schema, runProgram, onProgress, now: this.#settings.now }
  }

  /** Whether something would keep others out of a large table for long, were it done in one transaction. */
  async #isLarge(files: readonly MigrationFile[]): Promise<boolean> {
    const { ask } = this.#client
    const most = this.#testing.bigTable ?? bigTable
    const online = files.flatMap(placedStatements).filter((placed) => {
      const kind = onlineKind(placed)
      return kind !== 'together' && kind !== 'data'
    })
    const names = new Set(online.flatMap((placed) => tableOf(placed.statement)))
    for (const name of (await readTables(ask, names)).keys()) {
      const [row] = await ask<{ n: string }>(
        `select count(*) as n from (select from ${quoted(name)} limit ${most}) taken`,
      )
      if (Number(row!.n) >= most) return true
    }
    return false
  }

  /** Indexes of the files whose building was cut off: they keep their names from being used. */
  async #dropInvalid(files: readonly MigrationFile[]): Promise<void> {
    const { ask } = this.#client
    const made = new Set(
      files.flatMap(placedStatements).flatMap(({ statement }) => {
        const act = schemaAct(statement)
        return act?.act === 'create index' ? [act.name] : []
      }),
    )
    for (const { indexes } of (await readTables(ask)).values()) {
      for (const [name, { valid }] of indexes) {
        if (!valid && made.has(name)) await ask(`DROP INDEX CONCURRENTLY IF EXISTS ${quoted(name)}`)
      }
    }
  }

  /** Of the tables of which something is lost, where the server's own program for it is at hand. */
  async #backup({ backups, onProgress }: ApplyOptions, { pending, losing }: Judged): Promise<string | undefined> {
    const names = [...(await readTables(this.#client.ask, losing)).keys()]
    if (names.length === 0) return undefined
    const folder = backups ?? path.resolve('data', 'backups')
    const at = new Date(this.#settings.now()).toISOString().replace(/[:.]/g, '-')
    const { hosts, database, user, password } = this.#settings.directAddress ?? this.#settings.address
    const file = path.join(folder, `${database ?? 'database'}-before-${pending[0]!.name}-${at}.dump`)
    onProgress?.({ what: `backing up ${names.join(', ')}` })
    const [schema] = await this.#client.ask<{ name: string }>('select current_schema() as name')
    const tables = names.map((name) => `--table=${quoted(schema!.name)}.${quoted(name)}`)
    const variables = {
      PGHOST: hosts[0]!.host,
      PGPORT: String(hosts[0]!.port),
      PGDATABASE: database,
      PGUSER: user,
      PGPASSWORD: typeof password === 'string' ? password : undefined,
    }
    try {
      mkdirSync(folder, { recursive: true })
      await promisify(execFile)('pg_dump', ['--format=custom', '--no-owner', `--file=${file}`, ...tables], {
        env: { ...process.env, ...Object.fromEntries(Object.entries(variables).filter(([, value]) => value)) },
      })
      return file
    } catch (error) {
      rmSync(file, { force: true })
      const why =
        (error as NodeJS.ErrnoException).code === 'ENOENT' ? 'pg_dump is not installed' : (error as Error).message
      onProgress?.({ what: `no backup of ${names.join(', ')}: ${why.trim()}` })
      return undefined
    }
  }

  async #position(): Promise<number> {
    const { ask } = this.#client
    if (!(await hasTable(ask, 'monobloc_stamp'))) return 0
    const together = askOn(this.#connection)
    const [end] = await lookAtEnd(together)
    if (end.isStamped) return end.position
    const [position] = await stamp(together, this.#settings.now(), performance.now() + waitMillis)
    return position
  }

  async #noteMigrated(position: number): Promise<void> {
    await this.#client.ask(
      `insert into monobloc_meta values ('migrated', $1) on conflict (name) do update set value = excluded.value`,
      [String(position)],
    )
  }
}

function tableOf(statement: Parameters<typeof schemaAct>[0]): string[] {
  const act = schemaAct(statement)
  if (!act || act.act === 'drop index') return []
  return act.act === 'create index' ? [act.table] : [act.name]
}

/** How the tables that files make differ from what they make. Further tables are someone else's. */
function driftOf(there: Tables, made: Tables): Difference[] {
  const known = [...there].filter(([name]) => made.has(name))
  // An index whose building was cut off is none.
  const whole = known.map(([name, table]) => {
    return [name, { ...table, indexes: new Map([...table.indexes].filter(([, { valid }]) => valid)) }] as const
  })
  return differencesBetween(made, new Map(whole))
}
