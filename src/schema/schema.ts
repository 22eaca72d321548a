import { MonoblocError } from '../errors.ts'
import type { Field } from './field.ts'
import type { AnyModel } from './model.ts'
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

  /** @param internal Monobloc's own records: tables like the others, but not logged and with no relations */
  constructor(models: Iterable<AnyModel>, internal: Iterable<AnyModel> = []) {
    const byName = new Map<string, AnyModel>()
    this.#internal = new Set(internal)
    for (const model of [...models, ...this.#internal]) {
      if (byName.has(model.name)) throw invalid(model, `Two models are called ${model.name}.`)
      byName.set(model.name, model)
    }
    this.models = byName
    for (const model of byName.values()) this.#relations.set(model.name, new Map())
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

  /** Every table, link tables included, in an order in which references come after what they refer to where that is possible. */
  get tables(): readonly TableSpec[] {
    this.#tables ??= [...this.models.values()].flatMap((model) => [
      modelTable(model, !this.#internal.has(model)),
      ...[...this.relations(model).values()]
        .filter((relation) => relation.via.kind === 'link' && isOwn(relation))
        .map(linkTable),
    ])
    return this.#tables
  }

  #relate(model: AnyModel, name: string, field: Field): void {
    if (field.kind !== 'ref' && field.kind !== 'manyToMany') return
    const target = field.options.target as AnyModel
    if (this.models.get(target.name) !== target)
      throw invalid(model, `${model.name}.${name} refers to ${target.name}, which is not in define({ models }).`)
    if (field.options.onDelete === 'set null' && !field.options.nullable) {
      throw invalid(model, `${model.name}.${name} says onDelete('set null') but is not nullable.`)
    }
    const many = field.kind === 'manyToMany'
    const link = {
      table: `${model.name}_${name}`,
      near: model.name,
      far: target === model ? `${target.name}_${name}` : target.name,
    }
    this.#add({
      name,
      from: model,
      to: target,
      many,
      nullable: field.options.nullable,
      via: many ? { kind: 'link', ...link } : { kind: 'ref', field: name },
    })
    if (!field.options.inverse) return
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
