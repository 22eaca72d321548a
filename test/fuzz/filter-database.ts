import path from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { createQueryId, sql } from 'kysely'
import type { AnyModel, Condition } from '../../src/schema/index.ts'
import type { Dialect } from '../../src/storage/sql/dialect.ts'
import { conditionSql, filterContext } from '../../src/storage/sql/filter-sql.ts'
import { shapeOf, valuesOf } from '../../src/storage/sql/filter-sql-values.ts'
import { sqliteDialect as dialect } from '../../src/storage/sqlite/sqlite-dialect.ts'
import { createSqliteStorage } from '../../src/storage/sqlite/sqlite-storage.ts'
import type { MaybePromise, Session, SqlRow, SqlValue, Statement } from '../../src/storage/storage.ts'
import type { World } from './filter-world.ts'

/** Makes a world's tables by the storage engine, fills them, and gives the filter language's SQL over one snapshot. */
export async function inDatabase<T>(
  folder: string,
  world: World,
  work: (database: FilterDatabase) => MaybePromise<T>,
): Promise<T> {
  const file = path.join(folder, 'filter.db')
  const storage = createSqliteStorage({ file })
  await storage.open()
  try {
    await storage.apply(world.schema, await storage.compare(world.schema))
    fill(file, world)
    return await storage.read({ deadline: 120_000 }, (session) => work(new FilterDatabase(session)))
  } finally {
    await storage.close()
  }
}

/** As another program would, because rows refer to each other in circles: foreign keys are not looked at here. */
function fill(file: string, world: World): void {
  const database = new DatabaseSync(file, { enableForeignKeyConstraints: false })
  database.exec('begin immediate')
  for (const table of world.schema.tables) {
    const rows = table.model
      ? world.rows.get(table.name)!.map((row) => table.columns.map(({ name, type }) => dialect.encode(type, row[name])))
      : world.links.get(table.name)!
    const marks = table.columns.map(() => '?').join()
    const insert = database.prepare(`insert into "${table.name}" values (${marks})`)
    for (const row of rows) insert.run(...(row as never[]))
  }
  const broken = database.prepare('pragma foreign_key_check').all()
  if (broken.length > 0) throw new Error(`the world refers to rows that are not there: ${JSON.stringify(broken)}`)
  database.exec('commit')
  database.close()
}

/** The filter language's SQL, asked of a world's rows: the keys of those that match. */
export interface AskedDatabase {
  keys(model: AnyModel, condition: Condition): MaybePromise<unknown[]>
}

/** The SQL of a filter on one engine, which has one template for each shape. */
export class FilterTemplates {
  readonly #dialect: Dialect
  readonly #templates = new Map<string, string>()

  constructor(dialect: Dialect) {
    this.#dialect = dialect
  }

  /** @throws Error when template and values do not fit together */
  of(model: AnyModel, condition: Condition): { sql: string; values: SqlValue[] } {
    const dialect = this.#dialect
    const where = conditionSql(filterContext(dialect), condition, 't')
    const query = sql`select "t"."id" from ${sql.table(model.name)} as "t" where ${where} order by "t"."id"`
    const compiled = dialect
      .kysely()
      .compiler()
      .compileQuery(query.toOperationNode() as never, createQueryId())
    const values = valuesOf(dialect, condition)
    if (!isSame(values, compiled.parameters)) throw new Error('the values are not those of the placeholders')
    const shape = `${model.name} ${shapeOf(condition)}`
    const template = this.#templates.get(shape) ?? compiled.sql
    if (template !== compiled.sql) throw new Error(`one shape has two templates: ${shape}`)
    this.#templates.set(shape, template)
    return { sql: template, values }
  }
}

/** On SQLite. */
export class FilterDatabase implements AskedDatabase {
  readonly #session: Session
  readonly #statements = new Map<string, Statement>()
  readonly #templates = new FilterTemplates(dialect)

  constructor(session: Session) {
    this.#session = session
  }

  /** @param change breaks the SQL, to see the break found */
  keys(model: AnyModel, condition: Condition, change: (sql: string) => string = (sql) => sql): unknown[] {
    const { sql, values } = this.#templates.of(model, condition)
    // In process, so that all cases of a seed read one snapshot without waiting for each other.
    const rows = this.#session.all(this.#statement(change(sql)), values) as SqlRow[]
    return rows.map((row) => row.id)
  }

  #statement(sql: string): Statement {
    const statement = this.#statements.get(sql) ?? { sql, reach: 'bounded' }
    this.#statements.set(sql, statement)
    return statement
  }
}

function isSame(a: readonly unknown[], b: readonly unknown[]): boolean {
  return a.length === b.length && a.every((value, at) => Object.is(value, b[at]) || String(value) === String(b[at]))
}
