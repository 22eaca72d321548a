import type { Schema } from '../../schema/index.ts'
import type { MaybePromise, Session } from '../storage.ts'
import type { MigrationFile } from './migration-file.ts'

/** What takes away, changes or refuses what rows hold: done only where the file says `-- consent: drop article.body`. */
export type Loss = 'drop' | 'retype' | 'narrow'

/** One thing that a step does to a table, a column or an index. */
export interface Difference {
  kind: Loss | 'add' | 'widen' | 'rename'
  /** `article` or `article.body`. */
  subject: string
  /** For people: `drop column article.body`. */
  words: string
}

/** A step of a plan: what people read, what the database is told, and what it does. */
export interface MigrationStep {
  description: string
  sql: string[]
  differences: Difference[]
  /** Columns that old rows need a value for, which the file must say: `article.slug`. */
  wanting: string[]
  /** It only gives a new column its values: a section `fill` of the file. */
  fill?: boolean
  /** Nothing is lost and, where no value is wanting, nothing that is there is refused. */
  safe: boolean
}

export interface MigrationPlan {
  steps: MigrationStep[]
  /** What may be a rename, in sentences that say what to write in the models. */
  questions: string[]
  /** What would be lost or refused in this database, by `drop article.body`. */
  losses: Record<string, string>
}

/** A line of the database's own record of what was done to its schema. */
export interface AppliedMigration {
  number: number
  name: string
  checksum: string
  at: Date
  /** Milliseconds that it took. */
  millis: number
}

export type MigrationState = 'applied' | 'pending' | 'changed' | 'missing' | 'late'

export interface MigrationStatus {
  files: { name: string; state: MigrationState; at: Date | undefined }[]
  /** How the database differs from what its applied files make, in words. */
  drift: string[]
  /** What the models have and no file makes, in words. */
  unplanned: string[]
}

export interface ApplyOptions {
  files: readonly MigrationFile[]
  schema: Schema
  /** Runs a step that is a program, with a session in the transaction of the migration. */
  runProgram: (file: MigrationFile, session: Session) => MaybePromise<void>
  /** Where the backup goes. Default: the folder `backups` beside the database. */
  backups?: string
  /** Milliseconds to wait for who holds the database. Default: a minute. */
  waitMillis?: number
  onProgress?: (progress: MigrationProgress) => void
}

/** What is done just now; with `total`, how much of it. */
export interface MigrationProgress {
  what: string
  done?: number
  total?: number
}

export interface AppliedReport {
  applied: string[]
  /** Where the database was copied to before; undefined when there was nothing in it. */
  backup: string | undefined
  /** Changes beside the files that brought a database without history, or one that `dev` had changed, in line. */
  mended: string[]
}

/** Changes of the schema of one database. Every engine has its own. */
export interface Migrator {
  /** From what the files make to the models. Judged by the rows of the database, where there is one. */
  plan(files: readonly MigrationFile[], schema: Schema): Promise<MigrationPlan>
  /** Empty where there is no database. */
  history(): Promise<AppliedMigration[]>
  status(files: readonly MigrationFile[], schema: Schema): Promise<MigrationStatus>
  /**
   * Runs the files that were not applied, all or none: on a copy first, then on the database, which is backed up before.
   *
   * @throws MonoblocError `migration_refused`, `database_busy`, `database_full`
   */
  apply(options: ApplyOptions): Promise<AppliedReport>
  /**
   * From what is in the database to the models, without files: `dev` does what is safe of it.
   *
   * @returns the steps, which were run when all of them are `safe`, and what may be a rename
   */
  follow(schema: Schema): Promise<Pick<MigrationPlan, 'steps' | 'questions'>>
  /** Deletes the database. @throws MonoblocError `database_busy` while another program has it open */
  remove(): Promise<void>
  /**
   * Runs `work` while no other process changes the schema by a migrator: of several that start at once on one database, one
   * makes it ready and the others find it so.
   *
   * @throws MonoblocError `database_busy` when another one takes too long
   */
  exclusively<T>(work: () => Promise<T>): Promise<T>
  /** Up to which position of the log only migrations have written: a database that is no further has yet to be filled. */
  migratedTo(): Promise<number>
}
