import type { TableSpec } from '../../schema/index.ts'
import { quoted } from '../sql/quoted.ts'
import type { MigrationStep } from './migration.ts'
import { type Shapes, typeName } from './table-shape.ts'

/** The names of tables and of their columns. */
export type Names = ReadonlyMap<string, ReadonlySet<string>>

export interface PlannedRenames {
  /** In the order in which the names are free. The SQL is the same on every engine. */
  steps: MigrationStep[]
  /** What a table or column of the models was called before: `article.headline` to `title`. */
  before: Map<string, string>
}

/** The renames that the models say. */
export function planRenames(specs: readonly TableSpec[], names: Names): PlannedRenames {
  const found = new RenameSearch(specs, names)
  return { steps: [...found.tables(), ...found.columns()], before: found.before }
}

class RenameSearch {
  readonly before = new Map<string, string>()
  readonly #specs: readonly TableSpec[]
  readonly #there: Map<string, Set<string>>

  constructor(specs: readonly TableSpec[], names: Names) {
    this.#specs = specs
    this.#there = new Map([...names].map(([name, columns]) => [name, new Set(columns)]))
  }

  // A name may be taken by one that is itself about to be renamed: so as long as one more fits.
  tables(): MigrationStep[] {
    const steps: MigrationStep[] = []
    const there = this.#there
    const wanted = new Set(this.#specs.map(({ name }) => name))
    const rename = ({ name, renamedFrom: old }: TableSpec): boolean => {
      if (!old || there.has(name) || !there.has(old) || (wanted.has(old) && !this.#isFreed(old))) return false
      steps.push(renamed(`rename table ${old} to ${name}`, name, `${quoted(old)} RENAME TO ${quoted(name)}`))
      this.before.set(name, old)
      there.set(name, there.get(old)!)
      return there.delete(old)
    }
    while (this.#specs.some(rename));
    return steps
  }

  #isFreed(old: string): boolean {
    const spec = this.#specs.find(({ name }) => name === old)
    return spec?.renamedFrom !== undefined && this.#there.has(spec.renamedFrom)
  }

  columns(): MigrationStep[] {
    return this.#specs.flatMap((spec) => this.#columnsOf(spec))
  }

  #columnsOf({ name: table, columns }: TableSpec): MigrationStep[] {
    const steps: MigrationStep[] = []
    const there = this.#there.get(table)
    if (!there) return steps
    const rename = ({ name, renamedFrom: old }: TableSpec['columns'][number]): boolean => {
      if (!old || there.has(name) || !there.has(old)) return false
      const stays = columns.find((column) => column.name === old)
      if (stays && !(stays.renamedFrom !== undefined && there.has(stays.renamedFrom))) return false
      const to = `${table}.${name}`
      const alteration = `${quoted(table)} RENAME COLUMN ${quoted(old)} TO ${quoted(name)}`
      steps.push(renamed(`rename column ${table}.${old} to ${name}`, to, alteration))
      this.before.set(to, old)
      there.add(name)
      return there.delete(old)
    }
    while (columns.some(rename));
    return steps
  }
}

function renamed(description: string, subject: string, alteration: string): MigrationStep {
  return {
    description,
    sql: [`ALTER TABLE ${alteration}`],
    differences: [{ kind: 'rename', subject, words: description }],
    wanting: [],
    safe: true,
  }
}

/**
 * What is gone beside what is new may be the same: only the models can say.
 *
 * @param tables after the renames
 * @param unknown those of them that the models do not have
 */
export function renameQuestions(tables: Shapes, wanted: Shapes, unknown: readonly string[]): string[] {
  const questions: string[] = []
  for (const gone of unknown) {
    const columns = [...tables.get(gone)!.columns.keys()]
    for (const [name, { columns: made }] of wanted) {
      const shared = columns.filter((column) => made.has(column)).length
      if (tables.has(name) || shared * 2 < columns.length) continue
      questions.push(
        `Table ${gone} is gone and ${name} is new. If it is the same, write model('${name}', …, { renamedFrom: '${gone}' }).`,
      )
    }
  }
  for (const name of wanted.keys()) questions.push(...columnQuestions(name, tables, wanted))
  return questions
}

function columnQuestions(table: string, tables: Shapes, wanted: Shapes): string[] {
  const there = tables.get(table)?.columns
  if (!there) return []
  const made = wanted.get(table)!.columns
  const gone = [...there.keys()].filter((column) => !made.has(column))
  const added = [...made.keys()].filter((column) => !there.has(column))
  return gone.flatMap((old) =>
    added
      .filter((column) => typeName(there.get(old)!.type) === typeName(made.get(column)!.type))
      .map(
        (column) =>
          `${table}.${old} is gone and ${table}.${column} is new. If it is the same, write ${column}: ….renamedFrom('${old}').`,
      ),
  )
}
