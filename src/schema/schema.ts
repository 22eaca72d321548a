import { MonoblocError } from '../errors.ts'
import type { Field } from './field.ts'
import { checkKey } from './key-check.ts'
import { valueField } from './kinds.ts'
import type { AnyModel } from './model.ts'
import { isName, isReservedTable, longestName } from './name.ts'
import { linkTable, modelTable, type TableSpec } from './table.ts'

/**
 * One way from a model to another. `ref`: the row holds the other's key in `field`. `inverse`: the other's `field`
 * holds this row's key. `link`: a link table holds pairs, this model's key in `near`, the other's in `far`.
 */
export interface Relation {
  name: string
  from: AnyModel
  to: AnyModel
  many: boolean
  nullable: boolean
  via:
    | { kind: 'ref'; field: string }
    | { kind: 'inverse'; field: string }
    | { kind: 'link'; table: string; near: string; far: string }
}

/**
 * The models of one definition and how they relate: what queries, tables and documents are compiled from.
 *
 * @throws MonoblocError `definition_invalid`
 */
export class Schema {
  readonly models: ReadonlyMap<string, AnyModel>
  #relations = new Map<string, Map<string, Relation>>()
  #tables: TableSpec[] | undefined
  readonly #internal: ReadonlySet<AnyModel>
  readonly #claimed = new Map<string, string>()

  /** @param internal Monobloc's own records: tables like the others, but not logged and with no relations */
  constructor(models: Iterable<AnyModel>, internal: Iterable<AnyModel> = []) {
    const byName = new Map<string, AnyModel>()
    this.#internal = new Set(internal)
    for (const model of [...models, ...this.#internal]) {
      if (byName.has(model.name)) throw invalid(model, `Two models are called ${model.name}.`)
      this.#claim(model, model.name, this.#internal.has(model))
      byName.set(model.name, model)
    }
    this.models = byName
    for (const model of byName.values()) {
      checkKey(model)
      this.#relations.set(model.name, new Map())
    }
    for (const model of byName.values()) {
      for (const [name, field] of model.fields as Map<string, Field>) this.#relate(model, name, field)
    }
  }

  /** @throws MonoblocError `definition_invalid` when the model is not one of this schema */
  relations(model: AnyModel): ReadonlyMap<string, Relation> {
    const found = this.#relations.get(model.name)
    if (!found || this.models.get(model.name) !== model)
      throw invalid(model, `Model ${model.name} is not in define({ models }).`)
    return found
  }

  relation(model: AnyModel, name: string): Relation | undefined {
    return this.relations(model).get(name)
  }

  /**
   * Every table, link tables last; references come after what they refer to, but for those that go round in a circle.
   */
  get tables(): readonly TableSpec[] {
    this.#tables ??= [
      ...this.#ordered().map((model) => modelTable(model, !this.#internal.has(model))),
      ...[...this.models.values()].flatMap((model) =>
        [...this.relations(model).values()]
          .filter((relation) => relation.via.kind === 'link' && isOwn(relation))
          .map(linkTable),
      ),
    ]
    return this.#tables
  }

  #ordered(): AnyModel[] {
    const placed = new Set<AnyModel>()
    const visited = new Set<AnyModel>()
    const visit = (model: AnyModel) => {
      if (visited.has(model)) return
      visited.add(model)
      for (const { via, to } of this.relations(model).values()) if (via.kind === 'ref') visit(to)
      placed.add(model)
    }
    for (const model of this.models.values()) visit(model)
    return [...placed]
  }

  /** Takes a table's name. Databases do not tell its case. */
  #claim(model: AnyModel, table: string, internal = false): void {
    if (isReservedTable(table) && !internal)
      throw invalid(model, `Tables called ${table.split('_')[0]}_… are reserved.`)
    if (table.length > longestName)
      throw invalid(model, `The table ${table} has a name of over ${longestName} characters.`)
    const other = this.#claimed.get(table.toLowerCase())
    if (other) throw invalid(model, `The tables ${other} and ${table} would have the same name.`)
    this.#claimed.set(table.toLowerCase(), table)
  }

  #relate(model: AnyModel, name: string, field: Field): void {
    if (field.kind !== 'ref' && field.kind !== 'manyToMany') return
    const target = field.options.target as AnyModel
    if (this.models.get(target.name) !== target)
      throw invalid(model, `${model.name}.${name} refers to ${target.name}, which is not in define({ models }).`)
    if (field.options.onDelete === 'set null' && !field.options.nullable) {
      throw invalid(model, `${model.name}.${name} says onDelete('set null') but is not nullable.`)
    }
    valueField(field)
    const many = field.kind === 'manyToMany'
    if (many && model.key.length > 1) {
      throw invalid(model, `${model.name}.${name} is many-to-many, but ${model.name} has a composite key.`)
    }
    const link = {
      table: `${model.name}_${name}`,
      near: model.name,
      far: target === model ? `${target.name}_${name}` : target.name,
    }
    if (many) this.#claim(model, link.table)
    this.#add({
      name,
      from: model,
      to: target,
      many,
      nullable: field.options.nullable,
      via: many ? { kind: 'link', ...link } : { kind: 'ref', field: name },
    })
    if (field.options.inverse === undefined) return
    if (!isName(field.options.inverse)) {
      throw invalid(model, `${model.name}.${name}: "${field.options.inverse}" can't name an inverse.`)
    }
    this.#add({
      name: field.options.inverse,
      from: target,
      to: model,
      many: many || !field.options.unique,
      nullable: true,
      via: many
        ? { kind: 'link', table: link.table, near: link.far, far: link.near }
        : { kind: 'inverse', field: name },
    })
  }

  #add(relation: Relation): void {
    const relations = this.#relations.get(relation.from.name)!
    const field = relation.from.fields.get(relation.name)
    if (relations.has(relation.name) || (field && !isOwn(relation))) {
      throw invalid(
        relation.from,
        `${relation.from.name}.${relation.name} is declared twice; the second is an inverse on ${relation.to.name}.`,
      )
    }
    relations.set(relation.name, relation)
  }
}

/** The relation is a field of its model, not the way back of another's. */
export function isOwn(relation: Relation): boolean {
  const field = relation.from.fields.get(relation.name)
  return field?.kind === 'ref' || field?.kind === 'manyToMany'
}

function invalid(model: AnyModel, detail: string): MonoblocError {
  return new MonoblocError('definition_invalid', { subject: model.name, detail })
}
