// Statements go through the engine, not to a connection of the shell's own: reads can be interrupted (SQLite's run in a
// reader process), and writes take their turn beside those of a running app, logged and synced.
import path from 'node:path'
import { createInterface } from 'node:readline'
import { errorTable, MonoblocError } from '../errors.ts'
import { painter } from '../runtime/index.ts'
import { type DatabaseAddress, databaseParts, placeOf, type SqlRow, type Storage } from '../storage/index.ts'
import type { Terminal } from './command.ts'
import { catalogOf, type DbCatalog } from './db-catalog.ts'
import { jsonOf, tableOf } from './db-table.ts'

export interface ShellOptions {
  database: DatabaseAddress
  /** Whether statements may write. */
  write: boolean
  json: boolean
  terminal: Terminal
}

interface Result {
  rows: SqlRow[]
  changes: number
  /** Whether it was run as a write. */
  wrote: boolean
}

// A person waits, and can interrupt it.
const deadline = 10 * 60 * 1000

const help = `.tables            the tables
.schema [table]    how they were made
.exit              ends, as Ctrl+D does
`

export class DbShell {
  readonly #options: ShellOptions
  readonly #storage: Storage
  readonly #catalog: DbCatalog
  #running = false

  constructor(options: ShellOptions) {
    this.#options = options
    this.#storage = databaseParts(options.database).storage
    this.#catalog = catalogOf(options.database)
  }

  open(): Promise<void> {
    return this.#storage.open()
  }

  close(): Promise<void> {
    return this.#storage.close()
  }

  /** Runs one statement and prints what came of it. @returns whether it went well */
  async answer(sql: string): Promise<boolean> {
    const { json, terminal } = this.#options
    const begun = performance.now()
    this.#running = true
    try {
      const { rows, changes, wrote } = await this.#run(sql)
      if (json) terminal.out(`${jsonOf(wrote && rows.length === 0 ? { changes } : rows)}\n`)
      else if (wrote && rows.length === 0) terminal.out(`${changes} ${changes === 1 ? 'row' : 'rows'} changed\n`)
      else terminal.out(tableOf(rows, terminal.colour))
      if (!json && process.stdout.isTTY) terminal.err(this.#dim(`${Math.round(performance.now() - begun)} ms\n`))
      return true
    } catch (error) {
      if (!(error instanceof MonoblocError)) throw error
      terminal.err(
        json ? `${jsonOf({ error: { code: error.code, message: reasonOf(error) } })}\n` : `${reasonOf(error)}\n`,
      )
      return false
    } finally {
      this.#running = false
    }
  }

  /**
   * Reads statements until the input ends: from a person with a prompt, from anything else silently, and then the first
   * that fails ends it.
   *
   * @returns whether all went well
   */
  async prompt(input: NodeJS.ReadStream): Promise<boolean> {
    const { database, write, terminal } = this.#options
    const person = input.isTTY === true
    const name = path.basename(placeOf(database))
    const first = write ? `${name} (writes)> ` : `${name}> `
    const lines = createInterface({ input, output: person ? process.stderr : undefined, prompt: first })
    let statement = ''
    const ask = () => {
      lines.setPrompt(statement ? `${' '.repeat(Math.max(0, first.length - 5))}...> ` : first)
      if (person) lines.prompt()
    }
    lines.on('SIGINT', () => {
      // What runs can't be taken back: the process ends, and a transaction that is not committed with it.
      if (this.#running) process.exit(130)
      statement = ''
      terminal.err('\n')
      ask()
    })
    if (person) terminal.err(this.#dim('Statements end with ; and .help helps.\n'))
    let well = true
    ask()
    for await (const line of lines) {
      if (statement === '' && line.trim().startsWith('.')) {
        if (/^\.(exit|quit)$/.test(line.trim())) break
        well = await this.#command(line.trim())
      } else {
        statement += statement ? `\n${line}` : line
        if (!isWhole(statement)) {
          ask()
          continue
        }
        const whole = statement
        statement = ''
        if (whole.trim()) well = await this.answer(whole)
      }
      if (!well && !person) break
      ask()
    }
    lines.close()
    // The last one needs no semicolon.
    if (statement.trim() && well) well = await this.answer(statement)
    return person || well
  }

  async #command(line: string): Promise<boolean> {
    const { terminal } = this.#options
    const [name, table = ''] = line.split(/\s+/)
    switch (name) {
      case '.tables':
        return this.answer(this.#catalog.tables)
      case '.schema': {
        const { rows } = await this.#run(this.#catalog.schema(table))
        terminal.out(rows.map(({ sql }) => `${sql};\n`).join(''))
        return true
      }
      case '.help':
        terminal.out(help)
        return true
      default:
        terminal.err(`There is no ${name}; .help lists what there is.\n`)
        return false
    }
  }

  async #run(sql: string): Promise<Result> {
    const wrote = this.#options.write && !/^\s*(select|values|explain|show|table)\b/i.test(sql)
    const work = (session: Parameters<Parameters<Storage['write']>[1]>[0]) => session.raw(sql, [])
    const { rows, changes } = wrote
      ? await this.#storage.write({ deadline, cause: 'monobloc db' }, work)
      : await this.#storage.read({ deadline, label: 'monobloc db' }, work)
    return { rows, changes, wrote }
  }

  #dim(text: string): string {
    return painter(this.#options.terminal.colour)('dim', text)
  }
}

/** Whether a semicolon ends it, which is not inside a string. */
function isWhole(statement: string): boolean {
  const text = statement.trim()
  return text === '' || (text.endsWith(';') && text.split("'").length % 2 === 1)
}

/** In words of this place: the message of the code is meant for those who ask over HTTP. */
function reasonOf(error: MonoblocError): string {
  if (error.code === 'transaction_read_only') return 'This only reads; to write: monobloc db --write'
  const { message, remedy } = errorTable[error.code]
  const told = error.message.slice(message.length).trim()
  // What the database has said is all there is to say.
  return (error.code === 'database_error' ? told.slice(0, -remedy.length).trim() : told) || error.message
}
