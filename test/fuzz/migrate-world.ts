// Random models, and what a developer does to them: fields and models come, go, are renamed, and change their types.
import { type AnyModel, model, Schema, t } from '../../src/schema/index.ts'
import type { Random } from '../faults/random.ts'
import { drawValue, type Held, type Kind, otherKinds, type ValueType } from './migrate-values.ts'

export interface FieldPlan extends ValueType {
  name: string
  nullable: boolean
  unique: boolean
  default: Held | undefined
  /** At least this, for numbers; not this, for texts. */
  check: bigint | string | undefined
  indexed: boolean
  secret: boolean
  /** Refers to the table of this number. */
  ref: number | undefined
  onDelete: 'restrict' | 'cascade' | 'set null'
  /** Its name in the models before; undefined for a new one. */
  origin: string | undefined
  /** The models say that it was renamed. */
  annotated: boolean
  createdAt: boolean
}

export interface TablePlan {
  /** Stays the same over renames. */
  id: number
  name: string
  key: 'serial' | 'id' | 'text'
  fields: FieldPlan[]
  search: string | undefined
  /** Many-to-many, by field name: to which table. */
  links: { name: string; to: number; origin: string | undefined }[]
  origin: string | undefined
  annotated: boolean
}

export interface World {
  tables: TablePlan[]
  /** Names are never used twice: a new field under an old name would be the old one. */
  names: number
  ids: number
}

export function drawWorld(random: Random): World {
  const world: World = { tables: [], names: 0, ids: 0 }
  const count = 1 + random.below(3)
  for (let at = 0; at < count; at++) addTable(world, random)
  return world
}

/** The models of now as those of before, and a copy to be changed. */
export function nextWorld(world: World): World {
  return {
    ...structuredClone(world),
    tables: world.tables.map((table) => ({
      ...structuredClone(table),
      origin: table.name,
      annotated: false,
      fields: table.fields.map((field) => ({ ...structuredClone(field), origin: field.name, annotated: false })),
      links: table.links.map((link) => ({ ...link, origin: link.name })),
    })),
  }
}

function freshName(world: World, letter: string): string {
  return `${letter}${world.names++}`
}

function addTable(world: World, random: Random): void {
  const table: TablePlan = {
    id: world.ids++,
    name: freshName(world, 'm'),
    key: random.pick(['serial', 'id', 'text'] as const),
    fields: [],
    search: undefined,
    links: [],
    origin: undefined,
    annotated: false,
  }
  const count = 1 + random.below(5)
  for (let at = 0; at < count; at++) table.fields.push(drawField(world, random))
  world.tables.push(table)
  if (random.next() < 0.5) addRef(world, random, table)
  if (random.next() < 0.3) addLink(world, random, table)
}

function drawField(world: World, random: Random): FieldPlan {
  const type = drawType(random)
  const field: FieldPlan = {
    ...type,
    name: freshName(world, 'f'),
    nullable: random.next() < 0.5,
    unique: false,
    default: random.next() < 0.3 && type.kind !== 'bytes' && type.kind !== 'json' ? drawValue(random, type) : undefined,
    check: undefined,
    indexed: random.next() < 0.2 && type.kind !== 'json',
    secret: random.next() < 0.1,
    ref: undefined,
    onDelete: 'restrict',
    origin: undefined,
    annotated: false,
    createdAt: false,
  }
  return field
}

function drawType(random: Random): ValueType {
  const kind = random.pick(otherKinds)
  if (kind !== 'decimal') return { kind }
  const precision = 3 + random.below(10)
  return { kind, precision, scale: random.below(3) }
}

function addRef(world: World, random: Random, table: TablePlan): void {
  const target = random.pick(world.tables)
  const nullable = random.next() < 0.6
  table.fields.push({
    ...drawField(world, random),
    kind: keyKind(target),
    precision: undefined,
    scale: undefined,
    nullable,
    default: undefined,
    indexed: false,
    secret: false,
    ref: target.id,
    onDelete: random.pick(
      nullable ? (['restrict', 'cascade', 'set null'] as const) : (['restrict', 'cascade'] as const),
    ),
  })
}

function addLink(world: World, random: Random, table: TablePlan): void {
  table.links.push({ name: freshName(world, 'l'), to: random.pick(world.tables).id, origin: undefined })
}

export function keyKind({ key }: TablePlan): Kind {
  return key === 'serial' ? 'integer' : key === 'id' ? 'uuid' : 'text'
}

/** One thing that a developer does. @returns false where there is nothing to do it to */
type Mutation = (world: World, random: Random) => boolean

const mutations: readonly Mutation[] = [
  (world, random) => {
    random.pick(world.tables).fields.push(drawField(world, random))
    return true
  },
  (world, random) => {
    const { fields } = random.pick(world.tables)
    if (fields.some(({ createdAt }) => createdAt)) return false
    fields.push({
      ...drawField(world, random),
      kind: 'timestamp',
      nullable: false,
      default: undefined,
      secret: false,
      createdAt: true,
    })
    return true
  },
  changed(plain, (field, world) => {
    field.name = freshName(world, 'f')
    field.annotated = true
  }),
  // Without a word: one goes, and one comes.
  changed(plain, (field, world) => {
    field.name = freshName(world, 'f')
    field.origin = undefined
  }),
  changed(plain, (field, _, random) =>
    Object.assign(
      field,
      { precision: undefined, scale: undefined, default: undefined, check: undefined, unique: false, indexed: false },
      drawType(random),
    ),
  ),
  changed(plain, (field) => {
    field.nullable = !field.nullable
  }),
  changed(
    (field) => plain(field) && !['bytes', 'json'].includes(field.kind),
    (field, _, random) => {
      field.default = field.default === undefined ? drawValue(random, field) : undefined
    },
  ),
  changed(
    (field) => !field.createdAt && !['json', 'float'].includes(field.kind),
    (field) => {
      field.unique = !field.unique
    },
  ),
  changed(
    ({ kind, createdAt }) => !createdAt && ['integer', 'text'].includes(kind),
    (field) => {
      if (field.ref === undefined)
        field.check = field.check === undefined ? (field.kind === 'text' ? 'a' : 0n) : undefined
    },
  ),
  changed(
    ({ kind }) => kind !== 'json',
    (field) => {
      field.indexed = !field.indexed
    },
  ),
  changed(plain, (field) => {
    field.secret = !field.secret
  }),
  changed(
    ({ ref }) => ref !== undefined,
    (field, _, random) => {
      field.onDelete = field.nullable ? random.pick(['restrict', 'cascade', 'set null'] as const) : 'cascade'
    },
  ),
  changed(
    ({ ref }) => ref !== undefined,
    (field) => {
      field.ref = undefined
      field.unique = false
      if (field.kind === 'uuid') field.kind = 'text'
    },
  ),
  (world, random) => {
    const table = random.pick(world.tables)
    if (table.fields.length < 2) return false
    table.fields.splice(random.below(table.fields.length), 1)
    return true
  },
  (world, random) => {
    addRef(world, random, random.pick(world.tables))
    return true
  },
  (world, random) => {
    addLink(world, random, random.pick(world.tables))
    return true
  },
  (world, random) => {
    const { links } = random.pick(world.tables)
    if (links.length === 0) return false
    links.pop()
    return true
  },
  (world, random) => {
    addTable(world, random)
    return true
  },
  (world, random) => {
    const table = random.pick(world.tables)
    table.name = freshName(world, 'm')
    table.annotated = true
    return true
  },
  (world, random) => {
    if (world.tables.length < 2) return false
    const [gone] = world.tables.splice(random.below(world.tables.length), 1)
    for (const table of world.tables) {
      table.fields = table.fields.filter(({ ref }) => ref !== gone!.id)
      table.links = table.links.filter(({ to }) => to !== gone!.id)
    }
    return true
  },
]

function plain({ ref, createdAt }: FieldPlan): boolean {
  return ref === undefined && !createdAt
}

function changed(
  fits: (field: FieldPlan) => boolean,
  change: (field: FieldPlan, world: World, random: Random) => void,
): Mutation {
  return (world, random) => {
    const fields = world.tables.flatMap((table) => table.fields.filter(fits))
    if (fields.length === 0) return false
    change(random.pick(fields), world, random)
    return true
  }
}

export function mutate(world: World, random: Random): void {
  for (let left = 1 + random.below(4); left > 0; ) if (random.pick(mutations)(world, random)) left--
  for (const table of world.tables) {
    const found = table.fields.filter((field) => field.kind === 'text' && plain(field) && !field.secret)
    if (!found.some(({ name }) => name === table.search)) table.search = undefined
    if (random.next() < 0.1) table.search = found[0]?.name
  }
}

export function schemaOf({ tables }: World): Schema {
  const models = new Map<number, AnyModel>()
  for (const table of tables) {
    const shape: Record<string, unknown> = { key: keyField(table) }
    for (const field of table.fields) {
      Object.defineProperty(shape, field.name, { enumerable: true, get: () => fieldOf(field, models) })
    }
    for (const { name, to } of table.links) {
      Object.defineProperty(shape, name, { enumerable: true, get: () => t.manyToMany(models.get(to)!) })
    }
    const indexes = table.fields.filter(({ indexed }) => indexed).map(({ name }) => [name])
    models.set(
      table.id,
      model(table.name, shape, {
        key: ['key'],
        indexes,
        search: table.search ? [table.search] : [],
        ...(table.annotated && { renamedFrom: table.origin }),
      } as never),
    )
  }
  return new Schema(models.values())
}

function keyField({ key }: TablePlan) {
  return key === 'serial' ? t.serial() : key === 'id' ? t.id() : t.text()
}

function fieldOf(plan: FieldPlan, models: ReadonlyMap<number, AnyModel>): unknown {
  if (plan.createdAt) return plan.annotated ? t.createdAt().renamedFrom(plan.origin!) : t.createdAt()
  let field = (plan.ref === undefined ? typed(plan) : t.ref(models.get(plan.ref)!).onDelete(plan.onDelete)) as any
  if (plan.nullable) field = field.nullable()
  if (plan.default !== undefined) field = field.default(defaultOf(plan))
  if (plan.unique) field = field.unique()
  if (plan.secret) field = field.writeOnly()
  if (plan.check !== undefined)
    field = field.check(plan.kind === 'text' ? { ne: plan.check } : { gte: Number(plan.check) })
  return plan.annotated ? field.renamedFrom(plan.origin!) : field
}

function typed({ kind, precision, scale }: FieldPlan): unknown {
  if (kind === 'decimal') return t.decimal(precision!, scale!)
  return (t as unknown as Record<Kind, () => unknown>)[kind]()
}

function defaultOf({ kind, default: held, scale = 0 }: FieldPlan): unknown {
  switch (kind) {
    case 'integer':
      return Number(held)
    case 'boolean':
      return held === 1n
    case 'timestamp':
      return new Date(held as string)
    case 'decimal': {
      const negative = (held as bigint) < 0n
      const digits = String(negative ? -(held as bigint) : held).padStart(scale + 1, '0')
      const point = digits.length - scale
      return `${negative ? '-' : ''}${digits.slice(0, point)}${scale ? `.${digits.slice(point)}` : ''}`
    }
    default:
      return held
  }
}
