import { DatabaseSync } from 'node:sqlite'
import fc from 'fast-check'
import {
  DummyDriver,
  type Expression,
  Kysely,
  SqliteAdapter,
  SqliteIntrospector,
  SqliteQueryCompiler,
  sql,
} from 'kysely'
import { expect, test } from 'vitest'
import type { ColumnType } from '../../schema/index.ts'
import type { SqlValue } from '../storage.ts'
import { sqliteDialect } from './sqlite-dialect.ts'

const compiler = new Kysely<never>({
  dialect: {
    createAdapter: () => new SqliteAdapter(),
    createDriver: () => new DummyDriver(),
    createIntrospector: (db) => new SqliteIntrospector(db),
    createQueryCompiler: () => new SqliteQueryCompiler(),
  },
})
const column = sql.ref('c')

const storedAs: Record<ColumnType['type'], string> = {
  uuid: 'TEXT',
  text: 'TEXT',
  date: 'TEXT',
  timestamp: 'TEXT',
  json: 'TEXT',
  integer: 'INTEGER',
  serial: 'INTEGER',
  bigint: 'INTEGER',
  decimal: 'INTEGER',
  boolean: 'INTEGER',
  float: 'REAL',
  bytes: 'BLOB',
}

function stored(type: ColumnType, value: SqlValue): DatabaseSync {
  const db = new DatabaseSync(':memory:')
  db.exec(`create table t (c ${storedAs[type.type]}) strict`)
  db.prepare('insert into t values (?)').run(value)
  return db
}

function asked(db: DatabaseSync, expression: Expression<unknown>): SqlValue {
  const { sql: text, parameters } = sql`select ${expression} as v from t`.compile(compiler)
  return db.prepare(text).get(...(parameters as SqlValue[]))!.v as SqlValue
}

function roundTrip(type: ColumnType, value: unknown): unknown {
  const db = stored(type, sqliteDialect.encode(type, value))
  return sqliteDialect.decode(type, asked(db, sqliteDialect.selected(type, column)))
}

function inJson(type: ColumnType, value: unknown): unknown {
  const db = stored(type, sqliteDialect.encode(type, value))
  const document = sql`json_object('v', ${sqliteDialect.json(type, column)})`
  return (JSON.parse(asked(db, document) as string) as { v: unknown }).v
}

const money: ColumnType = { type: 'decimal', precision: 18, scale: 2 }
const tiny: ColumnType = { type: 'decimal', precision: 18, scale: 18 }
const instant = new Date('0999-02-03T04:05:06.007Z')

test.each<[ColumnType, unknown, unknown]>([
  [{ type: 'text' }, 'a "quoted" 🙂 text', 'a "quoted" 🙂 text'],
  [{ type: 'text' }, null, null],
  [{ type: 'integer' }, -9007199254740991, -9007199254740991],
  [{ type: 'bigint' }, -(2n ** 63n), '-9223372036854775808'],
  [{ type: 'bigint' }, 2n ** 63n - 1n, '9223372036854775807'],
  [{ type: 'bigint' }, null, null],
  [money, '-0.05', '-0.05'],
  [money, '9999999999999999.99', '9999999999999999.99'],
  [money, '12.50', '12.50'],
  [money, null, null],
  [tiny, '-0.000000000000000001', '-0.000000000000000001'],
  [tiny, '0.999999999999999999', '0.999999999999999999'],
  [{ type: 'decimal', precision: 3, scale: 0 }, '-120', '-120'],
  [{ type: 'float' }, 0.1 + 0.2, 0.1 + 0.2],
  [{ type: 'float' }, 5e-324, 5e-324],
  [{ type: 'boolean' }, true, true],
  [{ type: 'boolean' }, false, false],
  [{ type: 'boolean' }, null, null],
  [{ type: 'timestamp' }, instant, '0999-02-03T04:05:06.007Z'],
  [{ type: 'json' }, { a: [1, 'x', null], b: true }, { a: [1, 'x', null], b: true }],
  [{ type: 'json' }, null, null],
])('%o: %o comes back as it was, and as %o in JSON', (type, value, json) => {
  expect(roundTrip(type, value)).toEqual(value)
  expect(inJson(type, value)).toEqual(json)
})

test('bytes come back, and are left to code in JSON', () => {
  expect(roundTrip({ type: 'bytes' }, new Uint8Array([0, 255, 7]))).toEqual(new Uint8Array([0, 255, 7]))
  expect(sqliteDialect.json({ type: 'bytes' }, column)).toBeUndefined()
})

test('timestamps sort as text', () => {
  fc.assert(
    fc.property(
      fc.date({ min: new Date('0001-01-01'), max: new Date('9999-12-31'), noInvalidDate: true }),
      fc.date({ min: new Date('0001-01-01'), max: new Date('9999-12-31'), noInvalidDate: true }),
      (a, b) => {
        const [x, y] = [a, b].map((at) => sqliteDialect.encode({ type: 'timestamp' }, at) as string) as [string, string]
        return Math.sign(a.getTime() - b.getTime()) === (x < y ? -1 : x > y ? 1 : 0)
      },
    ),
  )
})

test.each<[ColumnType, fc.Arbitrary<unknown>]>([
  [{ type: 'float' }, fc.double({ noNaN: true, noDefaultInfinity: true })],
  [{ type: 'float' }, fc.double({ min: 1e15, max: 1e22, noNaN: true })],
  [{ type: 'integer' }, fc.maxSafeInteger()],
  [{ type: 'bigint' }, fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })],
  [{ type: 'text' }, fc.string({ unit: 'binary' }).filter((text) => !text.includes('\0'))],
  [{ type: 'boolean' }, fc.boolean()],
  [{ type: 'bytes' }, fc.uint8Array()],
  [{ type: 'timestamp' }, fc.date({ min: instant, max: new Date('9999-12-31'), noInvalidDate: true })],
  [money, fc.bigInt({ min: -(10n ** 17n), max: 10n ** 17n }).map((units) => `${units}`)],
])('a list of %o holds its own values', (type, values) => {
  const db = new DatabaseSync(':memory:')
  db.exec(`create table t (c ${storedAs[type.type]}) strict`)
  const insert = db.prepare('insert into t values (?)')
  const found = sql`select count(*) as n from t where ${sqliteDialect.isIn(type, sql.ref('c'), sql.val('bound'))}`
  const count = db.prepare(found.compile(compiler).sql)
  fc.assert(
    fc.property(values, (value) => {
      if (type === money && String(value).replace('-', '').length > 16) return
      db.exec('delete from t')
      insert.run(sqliteDialect.encode(type, value))
      expect(count.get(sqliteDialect.encodeList(type, [value]))!.n).toBe(1)
    }),
    { numRuns: 300 },
  )
})

test('what does not fit is an error, never another number', () => {
  expect(() => sqliteDialect.encode({ type: 'bigint' }, 2n ** 63n)).toThrow('does not fit')
  expect(() => sqliteDialect.encode({ type: 'decimal', precision: 4, scale: 2 }, '100')).toThrow('does not fit')
  expect(sqliteDialect.encode({ type: 'decimal', precision: 4, scale: 2 }, '99.99')).toBe(9999n)
  expect(() => sqliteDialect.encode({ type: 'decimal', precision: 4, scale: 2 }, '1.001')).toThrow('does not fit')
  expect(() => sqliteDialect.encode({ type: 'text' }, undefined)).toThrow('undefined')
})
