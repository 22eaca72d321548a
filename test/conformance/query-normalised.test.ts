import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import {
  type Condition,
  compileMatcher,
  model,
  parseFilter,
  parseQueryFilter,
  Schema,
  t,
} from '../../src/schema/index.ts'
import { openQueries, type QueryFixture } from './query-fixture.ts'

const Person = model(
  'person',
  {
    email: t.email().lowerCase(),
    name: t.text().trim(),
    plain: t.text(),
    get boss() {
      return t.ref(Person, { inverse: 'reports' }).nullable()
    },
  },
  { key: ['email'] },
)
const schema = new Schema([Person])

const ann = { email: 'ann@example.org', name: 'Ann A', plain: 'Ann', boss: null }
const bob = { email: 'bob@example.org', name: 'Bob', plain: ' bob ', boss: 'ann@example.org' }

let f: QueryFixture
beforeEach(async () => {
  f = await openQueries(schema)
  await f.write((session) => f.queries.insertMany(session, Person, [ann, bob]))
})
afterEach(() => f.close())

const found = async (condition: Condition) => {
  const { rows } = await f.read((session) => f.queries.find(session, Person, { where: condition, sort: 'email' }))
  const matcher = compileMatcher(condition)
  const inMemory = [ann, bob].filter((row) => matcher(row, () => []))
  expect(inMemory.map(({ email }) => email)).toEqual(rows.map((row) => row.email))
  return rows.map((row) => row.name)
}

describe('a filter changes what it looks for as the field changes what it keeps', () => {
  test.each([
    [{ email: 'Ann@Example.ORG' }, ['Ann A']],
    [{ email: { ne: 'ANN@example.org' } }, ['Bob']],
    [{ email: { in: ['ANN@EXAMPLE.ORG', 'nobody@example.org'] } }, ['Ann A']],
    [{ email: { nin: ['ANN@EXAMPLE.ORG'] } }, ['Bob']],
    [{ email: { startsWith: 'ANN' } }, ['Ann A']],
    [{ email: { endsWith: '@EXAMPLE.org' } }, ['Ann A', 'Bob']],
    [{ email: { contains: 'XAMPL' } }, ['Ann A', 'Bob']],
    [{ email: { between: ['ANN', 'B'] } }, ['Ann A']],
    [{ boss: 'Ann@Example.org' }, ['Bob']],
    [{ boss: { in: ['ANN@example.org'] } }, ['Bob']],
    [{ name: '  Ann A ' }, ['Ann A']],
    [{ name: { startsWith: ' Ann ' } }, ['Ann A']],
    [{ name: { endsWith: ' A ' } }, ['Ann A']],
    [{ name: { contains: 'n ' } }, ['Ann A']],
    // What is kept begins with no white space, so that nothing is found, and not everything.
    [{ name: { startsWith: ' ' } }, []],
    [{ plain: 'bob' }, []],
    [{ plain: ' bob ' }, ['Bob']],
    [{ plain: 'ANN' }, []],
  ])('%j', async (filter, names) => {
    expect(await found(parseFilter(schema, Person, filter))).toEqual(names)
  })

  test('in a query string too', async () => {
    expect(await found(parseQueryFilter(schema, Person, [['email', 'ANN@example.org']]))).toEqual(['Ann A'])
  })
})

test('a row is found by its key however it is written', async () => {
  const keyed = await f.read((session) => f.queries.get(session, Person, 'BOB@example.org'))
  expect(keyed).toMatchObject({ name: 'Bob' })
  await f.write((session) => f.queries.update(session, Person, 'BOB@example.org', { name: 'Rob' }))
  expect(await found(parseFilter(schema, Person, { email: { startsWith: 'bob' } }))).toEqual(['Rob'])
})
