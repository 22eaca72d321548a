import {
  type AnyModel,
  type Condition,
  compileMatcher,
  everything,
  type MatchedRow,
  parseFilter,
} from '../../src/schema/index.ts'
import type { FilterObject } from './filter-cases.ts'
import type { AskedDatabase } from './filter-database.ts'
import { oracleMatches, type Visit } from './filter-oracle.ts'
import { relatedIn, rowAsJson, type World } from './filter-world.ts'

/** A world in all its forms: in the database, as rows of code, as rows of JSON. */
export interface Court<Database extends AskedDatabase = AskedDatabase> {
  world: World
  database: Database
  jsonRows: Map<string, MatchedRow[]>
  /** The policies of this world, by model. */
  policies: Map<AnyModel, FilterObject>
  visit: Visit
}

export function openCourt<Database extends AskedDatabase>(
  world: World,
  database: Database,
  policies: Map<AnyModel, FilterObject>,
  visit: Visit,
): Court<Database> {
  const jsonRows = new Map<string, MatchedRow[]>()
  for (const model of world.schema.models.values()) {
    jsonRows.set(
      model.name,
      world.rows.get(model.name)!.map((row) => rowAsJson(model, row)),
    )
  }
  return { world, database, jsonRows, policies, visit }
}

export interface Case {
  model: AnyModel
  filter: FilterObject
}

export function conditionOf({ world, policies }: Court, { model, filter }: Case): Condition {
  const parsed = new Map<AnyModel, Condition>()
  for (const [each, policy] of policies) parsed.set(each, parseFilter(world.schema, each, policy))
  return parseFilter(world.schema, model, filter, { restrict: (each) => parsed.get(each) ?? everything })
}

export function keysInMemory(
  { world, jsonRows }: Court,
  model: AnyModel,
  condition: Condition,
  asJson: boolean,
): unknown[] {
  const rowsOf = (name: string): readonly MatchedRow[] => (asJson ? jsonRows : world.rows).get(name)!
  const matcher = compileMatcher(condition)
  const related = relatedIn(world, rowsOf)
  return rowsOf(model.name)
    .filter((row) => matcher(row, related))
    .map((row) => row.id)
}

function keysByOracle(court: Court, { model, filter }: Case): unknown[] {
  const { world, policies, visit } = court
  const oracle = {
    schema: world.schema,
    related: relatedIn(world, (name) => world.rows.get(name)!),
    restrict: (each: AnyModel) => policies.get(each),
    visit,
  }
  return world.rows
    .get(model.name)!
    .filter((row) => oracleMatches(oracle, model, filter, row))
    .map((row) => row.id)
}

/** What is wrong with the answers to one filter; undefined when all agree and `not` is the complement. */
export async function disagreement(court: Court, tried: Case): Promise<string | undefined> {
  const { model } = tried
  const expected = keysByOracle(court, tried)
  const rest = court.world.rows
    .get(model.name)!
    .map((row) => row.id)
    .filter((key) => !expected.includes(key))
  const condition = conditionOf(court, tried)
  const opposite = conditionOf(court, { model, filter: { not: tried.filter } })
  const answers: [string, unknown[], unknown[]][] = [
    ['SQL', await court.database.keys(model, condition), expected],
    ['memory', keysInMemory(court, model, condition, false), expected],
    ['memory over JSON', keysInMemory(court, model, condition, true), expected],
    ['SQL of not', await court.database.keys(model, opposite), rest],
    ['memory of not', keysInMemory(court, model, opposite, false), rest],
    ['memory of not over JSON', keysInMemory(court, model, opposite, true), rest],
  ]
  const wrong = answers.filter(([, found, wanted]) => String(found) !== String(wanted))
  if (wrong.length === 0) return undefined
  const sides = wrong.map(([side, found, wanted]) => `${side} found [${found}] instead of [${wanted}]`)
  return `${model.name} ${shown(tried.filter)}: ${sides.join('; ')}`
}

export function shown(filter: unknown): string {
  return JSON.stringify(filter, (_, value) => {
    if (typeof value === 'bigint') return `${value}n`
    return value instanceof Uint8Array ? `bytes ${Buffer.from(value).toString('hex')}` : value
  }).replace(/[^\x20-\x7e]/gu, (character) => `\\u{${character.codePointAt(0)!.toString(16)}}`)
}
