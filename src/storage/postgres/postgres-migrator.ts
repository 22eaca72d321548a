import type { Schema } from '../../schema/index.ts'
import type { AppliedMigration, ApplyOptions, Migrator } from '../migrations/migration.ts'
import type { MigrationFile } from '../migrations/migration-file.ts'
import { askOn } from './postgres-ask.ts'
import { Connector } from './postgres-connect.ts'
import { MigrationClient, type MigrationConnection, translated } from './postgres-migration-client.ts'
import { readHistory } from './postgres-migration-history.ts'
import type { PostgresMigrationWork, TestingOptions } from './postgres-migration-work.ts'
import { type PostgresOptions, type PostgresSettings, settingsOf } from './postgres-options.ts'
import { prepareOwnTables } from './postgres-own-tables.ts'
import { dropEverything } from './postgres-reset.ts'
import { prepareFunctions } from './postgres-schema-work.ts'

export type PostgresMigratorOptions = Pick<PostgresOptions, 'url' | 'directUrl' | 'clock'>

/**
 * Changes of the schema of a PostgreSQL database: of the first schema of the search path. Each call has a connection of its
 * own, by `directUrl` where there is one. Other processes may use the database meanwhile.
 */
export function createPostgresMigrator(options: PostgresMigratorOptions): Migrator {
  return new PostgresMigrator(options)
}

class PostgresMigrator implements Migrator {
  readonly #settings: PostgresSettings
  readonly #testing: TestingOptions['testing']
  /** The one that holds the lock, within `exclusively`. */
  #held: Opened | undefined

  constructor(options: PostgresMigratorOptions & TestingOptions) {
    this.#settings = settingsOf(options)
    this.#testing = options.testing
  }

  history(): Promise<AppliedMigration[]> {
    return this.#with(({ client }) => readHistory(client.ask))
  }

  migratedTo(): Promise<number> {
    return this.#working((work) => work.migratedTo())
  }

  plan(files: readonly MigrationFile[], schema: Schema) {
    return this.#working((work) => work.plan(files, schema))
  }

  status(files: readonly MigrationFile[], schema: Schema) {
    return this.#working((work) => work.status(files, schema))
  }

  apply(options: ApplyOptions) {
    return this.#working((work) => work.apply(options), true)
  }

  follow(schema: Schema) {
    return this.#working((work) => work.follow(schema), true)
  }

  remove(): Promise<void> {
    return this.#with(({ client }) => dropEverything(client))
  }

  async exclusively<T>(work: () => Promise<T>): Promise<T> {
    if (this.#held) return work()
    const opened = await this.#open()
    try {
      await opened.client.lock(exclusiveMillis)
      this.#held = opened
      return await work()
    } catch (error) {
      throw translated(error)
    } finally {
      this.#held = undefined
      await opened.client.close()
    }
  }

  async #with<T>(work: (opened: Opened) => Promise<T>): Promise<T> {
    const opened = this.#held ?? (await this.#open())
    try {
      return await work(opened)
    } catch (error) {
      throw translated(error)
    } finally {
      if (opened !== this.#held) await opened.client.close()
    }
  }

  /** @param writing what Monobloc itself needs is made first */
  #working<T>(use: (work: PostgresMigrationWork) => Promise<T>, writing = false): Promise<T> {
    return this.#with(async ({ client, connection }) => {
      if (writing) {
        await prepareOwnTables(askOn(connection))
        await prepareFunctions(connection)
      }
      const { PostgresMigrationWork } = await import('./postgres-migration-work.ts')
      return use(new PostgresMigrationWork(client, connection, this.#settings, this.#testing))
    })
  }

  async #open(): Promise<Opened> {
    const { directAddress, address, graceMillis } = this.#settings
    const connector = new Connector(directAddress ?? address, { sessionSettings: {}, graceMillis })
    const connection = await connector.connect()
    const client = new MigrationClient(connection.client as unknown as MigrationConnection)
    try {
      await client.prepare()
      return { client, connection }
    } catch (error) {
      await client.close()
      throw translated(error)
    }
  }
}

/**
 * Milliseconds to wait for another process that makes the database ready: it may be filling it. Two minutes, after which
 * whoever starts processes starts this one again.
 */
const exclusiveMillis = 120_000

interface Opened {
  client: MigrationClient
  connection: Awaited<ReturnType<Connector['connect']>>
}
