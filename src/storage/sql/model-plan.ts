import { MonoblocError } from '../../errors.ts'
import {
  type AnyModel,
  type ColumnType,
  type Condition,
  type Field,
  isOwn,
  kindOf,
  liveRows,
  type Relation,
  type Schema,
  type TableSpec,
} from '../../schema/index.ts'
import type { SqlValue } from '../storage.ts'
import type { Dialect } from './dialect.ts'
import type { SqlEngine } from './sql-engine.ts'

/** One stored field of a model, with what its values need on their way in and out. */
export interface StoredColumn {
  name: string
  type: ColumnType
  field: Field
  nullable: boolean
  /** The engine's value, never null, into the value as code has it. Undefined: they are the same. */
  decode: ((value: SqlValue) => unknown) | undefined
  /** The value as code has it, never null, into the value as JSON has it. Undefined: they are the same. */
  toJson: ((value: never) => unknown) | undefined
}

/** What queries need to know of one model, worked out once. */
export interface ModelPlan {
  model: AnyModel
  name: string
  columns: ReadonlyMap<string, StoredColumn>
  /** Computed fields. */
  virtuals: ReadonlyMap<string, Field>
  /** Names of stored and computed fields that rows show unless asked otherwise, in the model's order. */
  visible: readonly string[]
  key: readonly StoredColumn[]
  relations: ReadonlyMap<string, Relation>
  /** Own many-to-many fields. */
  links: readonly LinkField[]
  updatedAt: StoredColumn | undefined
  version: StoredColumn | undefined
  /** Set when a row is deleted; undefined where it is then gone. */
  deletedAt: StoredColumn | undefined
  /** The rows that are not deleted; undefined where none is kept. */
  live: Condition | undefined
  search: readonly string[]
  /** Names of the templates by key, which are asked for most. */
  rowShape: string
  jsonShape: string
}

export interface LinkField {
  name: string
  to: AnyModel
  table: string
  near: string
  far: string
}

/** The plans of one schema on one engine. */
export class ModelPlans {
  readonly dialect: Dialect
  readonly engine: SqlEngine
  readonly schema: Schema
  readonly #plans = new Map<AnyModel, ModelPlan>()

  constructor(dialect: Dialect, schema: Schema) {
    this.dialect = dialect
    this.engine = dialect.engine
    this.schema = schema
  }

  /** @throws MonoblocError `definition_invalid` when the model is not one of the schema */
  of(model: AnyModel): ModelPlan {
    let plan = this.#plans.get(model)
    if (!plan) {
      plan = this.#make(model)
      this.#plans.set(model, plan)
    }
    return plan
  }

  #make(model: AnyModel): ModelPlan {
    const relations = this.schema.relations(model)
    const table = this.schema.tables.find((one) => one.model === model)!
    const fields = [...(model.fields as Map<string, Field>)]
    const columns = new Map(table.columns.map((column) => [column.name, this.#column(model, column)]))
    const automatic = (kind: string) => fields.find(([, field]) => field.options.automatic === kind)?.[0] ?? ''
    return {
      model,
      name: model.name,
      columns,
      virtuals: new Map(fields.filter(([, field]) => field.kind === 'virtual')),
      visible: fields
        .filter(([, field]) => field.kind !== 'manyToMany' && !field.options.writeOnly)
        .map(([name]) => name),
      key: table.key.map((name) => columns.get(name)!),
      relations,
      links: [...relations.values()].filter(isOwn).flatMap(linkField),
      updatedAt: columns.get(automatic('updatedAt')),
      version: columns.get(automatic('version')),
      deletedAt: columns.get(automatic('deletedAt')),
      live: liveRows(model),
      search: table.search,
      rowShape: `rows:${model.name}`,
      jsonShape: `json:${model.name}`,
    }
  }

  #column(model: AnyModel, { name, type, nullable }: TableSpec['columns'][number]): StoredColumn {
    const field = model.fields.get(name) as Field
    const { dialect, engine } = this
    const decode = engine.plainTypes.has(type.type) ? undefined : (value: SqlValue) => dialect.decode(type, value)
    return { name, type, field, nullable, decode, toJson: kindOf(field).toJson }
  }
}

function linkField({ name, to, via }: Relation): LinkField[] {
  return via.kind === 'link' ? [{ name, to, table: via.table, near: via.near, far: via.far }] : []
}

/** A mistake in what a query asks for: the client's where it came from one. */
export function badQuery(
  option: string,
  message: string,
  path: readonly (string | number)[] = [option],
): MonoblocError {
  return new MonoblocError('invalid_query', {
    detail: `${path.join('.')} ${message}`,
    violations: [{ path: [...path], code: 'invalid_value', message }],
  })
}
