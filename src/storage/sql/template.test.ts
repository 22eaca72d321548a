import { expect, test } from 'vitest'
import { sqliteDialect } from '../sqlite/sqlite-dialect.ts'
import { sql } from './kysely.ts'
import { compileTemplate, laidOut, Shapes, Slot } from './template.ts'

test('values go where their slots are, once or often', () => {
  const slot = (at: number) => sql`${new Slot(at)}`
  const template = compileTemplate(sqliteDialect, sql`select ${slot(2)}, ${slot(0)}, ${slot(2)}`, 'bounded')
  expect(template.statement).toEqual({ sql: 'select ?, ?, ?', reach: 'bounded' })
  expect(laidOut(template, ['a', 'b', 'c'])).toEqual(['c', 'a', 'c'])
  const ordered = compileTemplate(sqliteDialect, sql`select ${slot(0)}, ${slot(1)}`, 'plan')
  const values = ['a', 'b']
  expect(laidOut(ordered, values)).toBe(values)
  expect(laidOut(ordered, ['a', 'b', 'c'])).toEqual(['a', 'b'])
})

test('a value in place of a slot is a mistake of ours', () => {
  expect(() => compileTemplate(sqliteDialect, sql`select ${'secret'}`, 'plan')).toThrow(/a value got into the template/)
})

test('two generations of shapes are kept, at most so many each, and what is asked for again stays', () => {
  const shapes = new Shapes<number>(3)
  for (let at = 0; at < 3; at++) shapes.set(`${at}`, at)
  expect(shapes.size).toBe(3)
  shapes.set('3', 3)
  expect(shapes.get('0')).toBe(0)
  shapes.set('4', 4)
  expect(shapes.size).toBe(5)
  // The younger generation is full: the next one pushes out what was never asked for again.
  shapes.set('5', 5)
  expect([0, 1, 2, 3, 4, 5].map((at) => shapes.get(`${at}`))).toEqual([0, undefined, undefined, 3, 4, 5])
  for (let at = 0; at < 1000; at++) shapes.set(`more ${at}`, at)
  expect(shapes.size).toBeLessThanOrEqual(6)
})
