import { expect, test } from 'vitest'
import { z } from 'zod'
import { type JsonSchema, jsonSchemaOf } from '../schema/index.ts'
import { DocumentSchemas, type SchemaPlace } from './openapi-schemas.ts'

const answer = (...names: string[]): SchemaPlace => ({ direction: 'response', names })

/** What a document makes of these: its components, and each schema with references to them. */
function documented(schemas: [z.ZodType | JsonSchema, SchemaPlace][], document = new DocumentSchemas()) {
  const added = schemas.map(([schema, place]) => {
    const direction = place.direction === 'request' ? 'input' : 'output'
    return document.add(schema instanceof z.ZodType ? jsonSchemaOf(schema, direction) : schema, place)
  })
  const components = document.components()
  return { components, schemas: added.map((one) => document.resolve(one) as JsonSchema) }
}

const Author = z.object({ name: z.string() })
const reference = (name: string) => ({ $ref: `#/components/schemas/${name}` })

test('an object that occurs once stays where it is', () => {
  const { components, schemas } = documented([[z.object({ author: Author }), answer('Post')]])
  expect(components).toEqual({})
  expect(schemas[0]).toMatchObject({ properties: { author: { properties: { name: { type: 'string' } } } } })
})

test('one that occurs twice is a component, called after where it stands', () => {
  const { components, schemas } = documented([
    [z.object({ id: z.string(), writers: z.array(Author), n: z.int(), m: z.int() }), answer('Book')],
    [z.object({ id: z.string(), author: Author, n: z.int(), m: z.int() }), answer('Post')],
  ])
  expect(Object.keys(components)).toEqual(['Author'])
  expect(schemas[0]).toMatchObject({ properties: { writers: { items: reference('Author') } } })
  expect(schemas[1]).toMatchObject({ properties: { author: reference('Author') } })
})

test('what wraps another is called after it', () => {
  const Wrapper = z.object({ articles: z.array(Author), count: z.int() })
  const { components } = documented([
    [Wrapper, answer('Feed')],
    [Wrapper, answer('List')],
  ])
  expect(Object.keys(components)).toEqual(['ArticlesResponse'])
})

test('the order of keys makes no other object', () => {
  const one = { type: 'object', properties: { a: { type: 'string' }, b: { type: 'integer' } } }
  const other = { properties: { b: { type: 'integer' }, a: { type: 'string' } }, type: 'object' }
  const { schemas } = documented([
    [one, answer('Pair')],
    [other, answer('Other')],
  ])
  expect(schemas).toEqual([reference('Pair'), reference('Pair')])
})

test('an id names a component, another one for what comes in, and a number tells the rest apart', () => {
  const Coin = z.object({ value: z.int() }).meta({ id: 'CoinOfSchemas' })
  const { components } = documented([
    [Coin, answer()],
    [Coin, { direction: 'request', names: [] }],
    [{ type: 'object', title: 'CoinOfSchemas', properties: { x: {} } }, answer()],
  ])
  expect(Object.keys(components)).toEqual(['CoinOfSchemas', 'CoinOfSchemas2', 'CoinOfSchemasInput'])
})

test('what contains itself is a component, the same wherever it begins', () => {
  const Tree = z.object({
    name: z.string(),
    get children() {
      return z.array(Tree)
    },
  })
  const { components, schemas } = documented([
    [Tree, answer('Tree')],
    [z.object({ a: z.int(), b: z.int(), c: z.int(), root: Tree }), answer('Forest')],
  ])
  expect(schemas[0]).toEqual(reference('Root'))
  expect(schemas[1]).toMatchObject({ properties: { root: reference('Root') } })
  expect(components).toMatchObject({ Root: { properties: { children: { items: reference('Root') } } } })
  expect(Object.keys(components)).toEqual(['Root'])
})

test('names that the document has taken are left to it', () => {
  const document = new DocumentSchemas(['ProblemDetails'])
  document.name(jsonSchemaOf(Author, 'output'), 'problem_details')
  const { components } = documented([[Author, answer('Author')]], document)
  expect(Object.keys(components)).toEqual(['Author'])
})
