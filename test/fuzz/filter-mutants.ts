import { allOf, anyOf, type Comparison, type Condition, everything, type JsonTest } from '../../src/schema/index.ts'

/** A mistake that one side could make: in what it takes a condition for, or in the SQL it writes. */
export interface Mutant {
  name: string
  condition?: (condition: Condition) => Condition
  sql?: (sql: string) => string
}

type Change = (condition: Condition) => Condition

/** Changes every part of a condition, from the inside out. */
function everywhere(change: Change): Change {
  const walk: Change = (condition) => change(inside(condition, walk))
  return walk
}

function inside(condition: Condition, walk: Change): Condition {
  switch (condition.kind) {
    case 'and':
    case 'or':
      return { ...condition, parts: condition.parts.map(walk) }
    case 'not':
      return { ...condition, part: walk(condition.part) }
    case 'one':
      return { ...condition, where: walk(condition.where) }
    case 'many':
      return { ...condition, where: walk(condition.where) }
    default:
      return condition
  }
}

type Site = 'compare' | 'json' | 'count' | 'length'

/** Changes the comparisons of one site; of columns, those of one type only where it is named. */
function atSite(site: Site, change: (comparison: Comparison) => Comparison, type?: string): Change {
  return everywhere((condition) => {
    if (condition.kind === 'compare' && site === 'compare' && (!type || type === condition.type.type)) {
      return { ...condition, comparison: change(condition.comparison) }
    }
    if (condition.kind === 'count' && site === 'count')
      return { ...condition, comparison: change(condition.comparison) }
    if (condition.kind !== 'json') return condition
    const { test } = condition
    if (site === 'json') return { ...condition, test: change(test as Comparison) as typeof test }
    if (site !== 'length' || test.operator !== 'length') return condition
    return { ...condition, test: { operator: 'length', comparison: change(test.comparison) } }
  })
}

function swapped(from: string, to: string) {
  return (comparison: Comparison): Comparison =>
    comparison.operator === from ? ({ ...comparison, operator: to } as Comparison) : comparison
}

const orderSwaps = ['gt gte', 'gte gt', 'lt lte', 'lte lt', 'gt lt', 'lte gte']
const textSwaps = [
  ...[
    'contains startsWith',
    'contains endsWith',
    'contains icontains',
    'startsWith contains',
    'startsWith istartsWith',
  ],
  ...[
    'endsWith contains',
    'endsWith iendsWith',
    'icontains contains',
    'icontains istartsWith',
    'istartsWith startsWith',
  ],
  ...['istartsWith icontains', 'iendsWith endsWith', 'iendsWith icontains'],
]
const orderedTypes = ['uuid', 'text', 'integer', 'bigint', 'decimal', 'float', 'date', 'timestamp']
const types = [...orderedTypes, 'boolean', 'bytes']

function swaps(site: Site, pairs: readonly string[], type?: string): Mutant[] {
  return pairs.map((pair) => {
    const [from, to] = pair.split(' ')
    return {
      name: `${site}${type ? ` ${type}` : ''}: ${from} as ${to}`,
      condition: atSite(site, swapped(from!, to!), type),
    }
  })
}

function onNull(comparison: Comparison): Comparison {
  return comparison.operator === 'null' ? { operator: 'null', value: !comparison.value } : comparison
}

function shortened(comparison: Comparison): Comparison {
  return 'values' in comparison ? { ...comparison, values: comparison.values.slice(0, -1) } : comparison
}

const operatorMutants: Mutant[] = [
  ...types.flatMap((type) => swaps('compare', ['eq ne', 'ne eq', 'in nin', 'nin in'], type)),
  ...orderedTypes.flatMap((type) => swaps('compare', orderSwaps, type)),
  ...swaps('compare', textSwaps),
  ...swaps('json', [...orderSwaps, ...textSwaps]),
  ...swaps('count', [...orderSwaps, 'eq ne', 'ne eq', 'in nin']),
  ...swaps('length', [...orderSwaps, 'eq ne', 'ne eq']),
  ...(['compare', 'json', 'length'] as const).map((site) => ({
    name: `${site}: null turned around`,
    condition: atSite(site, onNull),
  })),
  ...(['compare', 'json', 'count'] as const).map((site) => ({
    name: `${site}: a list without its last`,
    condition: atSite(site, shortened),
  })),
]

/** A null that takes part in a comparison where it must not. */
function withNull(name: string, operators: readonly string[], matches: boolean): Mutant {
  const condition = everywhere((part) => {
    if (part.kind !== 'compare' || !operators.includes(part.comparison.operator)) return part
    const isNull: Condition = { ...part, comparison: { operator: 'null', value: matches } }
    return matches ? anyOf([part, isNull]) : allOf([part, isNull])
  })
  return { name, condition }
}

function groups(name: string, change: Change): Mutant {
  return { name, condition: everywhere(change) }
}

const treeMutants: Mutant[] = [
  groups('and as or', (part) => (part.kind === 'and' ? { ...part, kind: 'or' } : part)),
  groups('or as and', (part) => (part.kind === 'or' ? { ...part, kind: 'and' } : part)),
  groups('and without its last', (part) => (part.kind === 'and' ? allOf(part.parts.slice(0, -1)) : part)),
  groups('or without its last', (part) => (part.kind === 'or' ? anyOf(part.parts.slice(0, -1)) : part)),
  groups('not left out', (part) => (part.kind === 'not' ? part.part : part)),
  withNull('null is less', ['lt', 'lte'], true),
  withNull('null is greater', ['gt', 'gte'], true),
  withNull('null contains', ['contains', 'startsWith', 'endsWith', 'icontains', 'istartsWith', 'iendsWith'], true),
  withNull('null is in a list', ['in'], true),
  withNull('null equals', ['eq'], true),
  withNull('ne misses null', ['ne'], false),
  withNull('nin misses null', ['nin'], false),
]

const quantities = ['some every', 'some none', 'every some', 'every none', 'none some', 'none every']

const relationMutants: Mutant[] = [
  ...quantities.map((pair) => {
    const [from, to] = pair.split(' ') as ['some', 'every']
    return groups(`${from} as ${to}`, (part) =>
      part.kind === 'many' && part.quantity === from ? { ...part, quantity: to } : part,
    )
  }),
  groups('many rows that the policy hides', (part) => (part.kind === 'many' ? { ...part, within: everything } : part)),
  groups('counted rows that the policy hides', (part) =>
    part.kind === 'count' ? { ...part, within: everything } : part,
  ),
  groups('one row, whichever', (part) => (part.kind === 'one' ? { ...part, where: everything } : part)),
  groups('a place without its last step', (part) =>
    part.kind === 'json' ? { ...part, path: part.path.slice(0, -1) } : part,
  ),
  groups('has as equal', (part) => {
    if (part.kind !== 'json' || part.test.operator !== 'has' || part.test.type === 'null') return part
    return { ...part, test: { ...part.test, operator: 'eq' } as JsonTest }
  }),
]

/** Mistakes for either side. */
export const conditionMutants: readonly Mutant[] = [...operatorMutants, ...treeMutants, ...relationMutants]

function replaced(name: string, from: string | RegExp, to: string): Mutant {
  return { name, sql: (sql) => sql.replaceAll(from, to) }
}

/** Mistakes in SQL that no condition can say. */
export const sqlMutants: readonly Mutant[] = [
  replaced('not is null for null', ' is not true', ' = false'),
  replaced('ne is null for null', ' is distinct from ', ' <> '),
  replaced('text equals without case', /("t"\."\w+" = \?)/g, '$1 collate nocase'),
  replaced('only ASCII is folded', 'monobloc_fold(', 'lower('),
  replaced('any JSON type compares with text', " = 'text'", ' is not null'),
  replaced('any JSON type compares with numbers', " in ('integer', 'real')", ' is not null'),
  replaced('JSON numbers lose their fraction', ' as real)', ' as integer)'),
  replaced('elements of objects count', /json_type\(([^)]*)\) = 'array'/g, 'json_type($1) is not null'),
  replaced('a document may have more', ' and not exists (select fullkey', ' or not exists (select fullkey'),
  replaced('exists for every relation', 'not exists (', 'exists ('),
  replaced('links of the other side', /("f\d+"\."one") = ("t"\."id")/g, '$1 <> $2'),
  replaced('the range of a prefix holds its end', '" < ?', '" <= ?'),
  replaced('a piece ends anywhere', /substr\(([^,]*), -length\(\?\)\) = \?/g, 'instr($1, ?) + 0 * length(?) > 0'),
]

/** The same for PostgreSQL's. */
export const postgresMutants: readonly Mutant[] = [
  replaced('not is null for null', ' is not true', ' = false'),
  replaced('ne is null for null', ' is distinct from ', ' <> '),
  replaced('only ASCII is folded', /monobloc_fold\(("\w+"\."\w+")\)/g, 'lower($1 collate "C")'),
  replaced('any JSON type compares with text', " = 'string'", ' is not null'),
  replaced('any JSON type compares with numbers', " = 'number'", ' is not null'),
  replaced('a scalar is a list of itself', "'strict $[0]'", "'lax $[0]'"),
  replaced('null in a document is a value', 'nullif(', 'coalesce('),
  replaced('an element as the whole', ' @> ', ' = '),
  replaced('exists for every relation', 'not exists (', 'exists ('),
  replaced('links of the other side', /("f\d+"\."one") = ("t"\."id")/g, '$1 <> $2'),
  replaced('the range of a prefix holds its end', /" < (\$\d+)\)/g, '" <= $1)'),
  replaced(
    'a piece ends anywhere',
    /right\((\S+), length\((\$\d+)\)\) = (\$\d+)/g,
    'strpos($1, $2) + 0 * length($3) > 0',
  ),
  replaced('a list without an end', /= any\(/g, '<> any('),
]
