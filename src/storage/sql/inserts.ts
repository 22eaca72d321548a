import type { AnyModel } from '../../schema/index.ts'
import type { InsertTogether, MaybePromise, Session, SqlValue, Statement } from '../storage.ts'
import { sql } from './kysely.ts'
import type { LinkWriter } from './links.ts'
import { attempt, chain, each } from './maybe-promise.ts'
import type { ModelPlan, ModelPlans } from './model-plan.ts'
import type { AnyRow, WriteQuery } from './query.ts'
import { fieldsShape } from './read-level.ts'
import type { References } from './references.ts'
import { compileTemplate, laidOut, Shapes, Slot, type Template } from './template.ts'
import { encodeRow, givenLinks, type InsertedColumn, insertPlan, returning, type WriteTemplate } from './write-plan.ts'

/** Placeholders of one statement: SQLite takes 32,766, PostgreSQL 65,535. */
const mostPlaceholders = 32_766
/** Rows of one statement: more gain nothing measurable, and the text of one stays below 30 KB. */
const mostTogether = 256
const keptShapes = 256

const documents = new WeakMap<AnyRow, string>()

/**
 * An inserted row as one JSON document, as a read would give it; undefined where it was not asked for, or SQL alone can't
 * make it. To read it back would cost another round trip, and under PostgreSQL's SERIALIZABLE a conflict with whoever
 * inserts beside it: what is locked is the page of the index.
 */
export function documentOf(row: AnyRow): string | undefined {
  return documents.get(row)
}

function withDocument({ codec, documentAt }: WriteTemplate, cells: SqlValue[]): AnyRow {
  const document = documentAt === undefined ? undefined : (cells[documentAt] as string)
  const row = codec.row(cells)
  if (document !== undefined) documents.set(row, document)
  return row
}

/** New rows, one or many to a statement. */
export class Inserts {
  readonly #plans: ModelPlans
  readonly #now: () => number
  readonly #links: LinkWriter
  readonly #references: References
  readonly #templates = new Shapes<WriteTemplate>(keptShapes)
  readonly #counters = new Map<ModelPlan, Template>()

  constructor(plans: ModelPlans, now: () => number, links: LinkWriter, references: References) {
    this.#plans = plans
    this.#now = now
    this.#links = links
    this.#references = references
  }

  insert(session: Session, model: AnyModel, row: AnyRow, query: WriteQuery = {}): MaybePromise<AnyRow> {
    const plan = this.#plans.of(model)
    const links = givenLinks(plan, row)
    if (links.length === 0) return this.#one(session, plan, row, query.fields, query.document)
    return session.savepoint(() =>
      chain(this.#one(session, plan, row, withKey(plan, query.fields)), (inserted) =>
        chain(this.#links.add(session, plan, inserted, links), () => inserted),
      ),
    )
  }

  insertMany(
    session: Session,
    model: AnyModel,
    rows: readonly AnyRow[],
    query: WriteQuery = {},
  ): MaybePromise<AnyRow[]> {
    const plan = this.#plans.of(model)
    const inserted: AnyRow[] = []
    const linked = rows.some((row) => givenLinks(plan, row).length > 0)
    const parts = linked ? rows.map((row) => [row]) : this.#parts(plan, rows)
    const insertPart = (part: readonly AnyRow[]) =>
      linked
        ? chain(this.insert(session, model, part[0]!, query), (row) => inserted.push(row))
        : chain(this.#together(session, plan, part, query.fields), (found) => inserted.push(...found))
    if (parts.length < 2) return chain(each(parts, insertPart), () => inserted)
    return session.savepoint(() => chain(each(parts, insertPart), () => inserted))
  }

  #one(
    session: Session,
    plan: ModelPlan,
    row: AnyRow,
    fields: readonly string[] | undefined,
    document = false,
  ): MaybePromise<AnyRow> {
    const columns = columnsFor(plan, row)
    const template = this.#template(plan, columns, 1, fields, document)
    const values: SqlValue[] = []
    encodeRow(this.#plans, columns, row, new Date(this.#now()), values)
    return attempt(
      () =>
        chain(session.cells(template.statement, laidOut(template, values)), (found) =>
          this.#counted(session, plan, columns, [row], withDocument(template, found!)),
        ),
      (error) => this.#references.refine(session, plan, [row], error),
    )
  }

  /** `result`, once the counter of a serial key is beyond the keys that were given. */
  #counted<T>(
    session: Session,
    plan: ModelPlan,
    columns: readonly InsertedColumn[],
    rows: readonly AnyRow[],
    result: T,
  ): MaybePromise<T> {
    const { engine, dialect } = this.#plans
    const { serial, uncounted } = insertPlan(plan)
    if (serial === undefined || columns === uncounted || !engine.countOn) return result
    let template = this.#counters.get(plan)
    if (!template) {
      template = compileTemplate(dialect, engine.countOn(plan, sql`${new Slot(0)}`), 'bounded')
      this.#counters.set(plan, template)
    }
    const greatest = rows.reduce((most, row) => Math.max(most, row[serial] as number), 0)
    return chain(session.value(template.statement, laidOut(template, [greatest])), () => result)
  }

  #together(
    session: Session,
    plan: ModelPlan,
    rows: readonly AnyRow[],
    fields: readonly string[] | undefined,
  ): MaybePromise<AnyRow[]> {
    const columns = columnsFor(plan, rows[0]!)
    const template = this.#template(plan, columns, rows.length, fields)
    const values: SqlValue[] = []
    const now = new Date(this.#now())
    for (const row of rows) encodeRow(this.#plans, columns, row, now, values)
    return attempt<AnyRow[]>(
      () =>
        chain(session.rows(template.statement, laidOut(template, values)), (found) =>
          this.#counted(session, plan, columns, rows, template.codec.rows(found)),
        ),
      (error) => this.#references.refine(session, plan, rows, error),
    )
  }

  /** Rows that one statement takes together: runs that agree on giving a serial key, in powers of two, so that there are few shapes. */
  #parts(plan: ModelPlan, rows: readonly AnyRow[]): AnyRow[][] {
    const parts: AnyRow[][] = []
    for (let from = 0; from < rows.length; ) {
      const columns = columnsFor(plan, rows[from]!)
      let same = from + 1
      while (same < rows.length && columnsFor(plan, rows[same]!) === columns) same++
      // A row of defaults alone is a statement of its own.
      const possible = columns.length === 0 ? 1 : Math.floor(mostPlaceholders / columns.length)
      const most = Math.max(1, Math.min(same - from, mostTogether, possible))
      const size = 2 ** Math.floor(Math.log2(most))
      parts.push(rows.slice(from, from + size))
      from += size
    }
    return parts
  }

  #template(
    plan: ModelPlan,
    columns: readonly InsertedColumn[],
    rows: number,
    fields: readonly string[] | undefined,
    document = false,
  ): WriteTemplate {
    const shape = `${document ? 'json:' : ''}${plan.name}:${rows}:${columns.length}:${fieldsShape(fields)}`
    return (
      this.#templates.get(shape) ??
      this.#templates.set(shape, compileInsert(this.#plans, plan, columns, rows, fields, document))
    )
  }
}

/** The row's fields and the key, by which its links are found. */
export function withKey(plan: ModelPlan, fields: readonly string[] | undefined): readonly string[] | undefined {
  return fields && [...fields, ...plan.key.map((column) => column.name)]
}

function columnsFor(plan: ModelPlan, row: AnyRow): readonly InsertedColumn[] {
  const { columns, uncounted, serial } = insertPlan(plan)
  return serial !== undefined && (row[serial] === undefined || row[serial] === null) ? uncounted : columns
}

function compileInsert(
  plans: ModelPlans,
  plan: ModelPlan,
  columns: readonly InsertedColumn[],
  rows: number,
  fields: readonly string[] | undefined,
  document: boolean,
): WriteTemplate {
  const { returned, ...rest } = returning(plans, plan, fields, document)
  const query = sql`${insertInto(plan, columns, rows)} returning ${returned}`
  const template = compileTemplate(plans.dialect, query, 'bounded')
  // What comes from several calls is laid out by one after another.
  if (rows > 1 || columns.length === 0 || !template.inOrder) return { ...rest, ...template }
  const many = (count: number) => compileInsert(plans, plan, columns, count, fields, document).statement
  return { ...rest, ...template, statement: { ...template.statement, together: togetherOf(plan.name, many) } }
}

function togetherOf(table: string, compile: (rows: number) => Statement): InsertTogether {
  const statements = new Map<number, Statement>()
  return {
    table,
    of(rows) {
      let statement = statements.get(rows)
      if (!statement) statements.set(rows, (statement = compile(rows)))
      return statement
    },
  }
}

/** `insert into … values …`, with the rows' values in the first slots. */
function insertInto(plan: ModelPlan, columns: readonly InsertedColumn[], rows: number) {
  const table = sql.table(plan.name)
  if (columns.length === 0) return sql`insert into ${table} default values`
  const names = sql.join(columns.map(({ column }) => sql.ref(column.name)))
  let at = 0
  const lists = Array.from({ length: rows }, () => sql`(${sql.join(columns.map(() => sql`${new Slot(at++)}`))})`)
  return sql`insert into ${table} (${names}) values ${sql.join(lists)}`
}
