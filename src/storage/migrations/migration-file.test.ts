import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { MigrationStep } from './migration.ts'
import {
  migrationFolder,
  migrationText,
  nextMigrationName,
  parseMigration,
  readMigrationFiles,
} from './migration-file.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(path.join(os.tmpdir(), 'migrations-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

const write = (name: string, text = '') => writeFileSync(path.join(folder, name), text)

describe('the folder of migrations', () => {
  test('is read in the order of numbers, and other files in it are left alone', () => {
    for (const name of ['10000-last.ts', '0002-b.sql', '0001-a.sql', 'README.md', '0003-c.js', '0003-c.d.ts'])
      write(name)
    expect(readMigrationFiles(folder).map(({ name, isProgram }) => [name, isProgram])).toEqual([
      ['0001-a', false],
      ['0002-b', false],
      ['0003-c', true],
      ['10000-last', true],
    ])
    expect(readMigrationFiles(path.join(folder, 'none'))).toEqual([])
  })
  test.each(['1-a.sql', '0001_a.sql', '0001-a.txt', '0001-A.sql', '0001.sql'])('refuses the name %s', (name) => {
    write(name)
    expect(() => readMigrationFiles(folder)).toThrow(`${name} can't name a migration`)
  })
  test('refuses two files of one number, which two branches made', () => {
    write('0002-mine.sql')
    write('0002-yours.sql')
    expect(() => readMigrationFiles(folder)).toThrow('0002-mine.sql and 0002-yours.sql have the same number')
  })
})

describe('an engine', () => {
  test('has a folder of its own, whose files carry its mark; programs are for both', () => {
    expect(migrationFolder('/x/migrations', 'sqlite')).toBe('/x/migrations')
    expect(migrationFolder('/x/migrations', 'postgresql')).toBe(path.join('/x/migrations', 'postgresql'))
    write('0001-a.sql', migrationText('0001-a', [], {}, 'postgresql'))
    write('0002-b.ts', 'export {}')
    expect(readMigrationFiles(folder, 'postgresql').map(({ name }) => name)).toEqual(['0001-a', '0002-b'])
  })
  test.each([
    ['sqlite', '-- engine: postgresql\n', '0001-a.sql in', 'is SQL for PostgreSQL, and the database is SQLite'],
    ['postgresql', '-- step: x\n', 'is SQL for SQLite', 'whose files stand in migrations/postgresql'],
    ['postgresql', '-- engine: mysql\n', 'there is no engine "mysql"', 'write sqlite or postgresql'],
  ] as const)('%s refuses a file with %j', (engine, text, ...words) => {
    write('0001-a.sql', text)
    const read = () => readMigrationFiles(folder, engine)
    expect(read).toThrow(expect.objectContaining({ code: 'migration_engine' }))
    for (const each of words) expect(read).toThrow(each)
  })
})

describe('a file', () => {
  const text = `-- 0001-a
-- step: create table a
CREATE TABLE a (b);
-- consent: drop a.c
-- data: fill it
UPDATE a SET b = 1; -- consent: nor this
`
  test('has steps, data steps and consents', () => {
    const { sections, consents, number } = parseMigration('/x/0001-a.sql', text, false)
    expect(number).toBe(1)
    expect(sections.map(({ kind, title, line }) => [kind, title, line])).toEqual([
      ['step', 'create table a', 2],
      ['data', 'fill it', 5],
    ])
    expect(sections[1]!.sql).toContain('UPDATE')
    expect(consents).toEqual(['drop a.c'])
  })
  test('is the same with other line ends, and another with any other change', () => {
    const checksum = (of: string) => parseMigration('/x/0001-a.sql', of, false).checksum
    expect(checksum(text.replaceAll('\n', '\r\n'))).toBe(checksum(text))
    expect(checksum(`${text} `)).not.toBe(checksum(text))
  })
  test('whose SQL has no heading is a step', () => {
    const { sections } = parseMigration('/x/0001-a.sql', '-- by hand\nDROP TABLE a;\n', false)
    expect(sections).toMatchObject([{ kind: 'step', line: 2 }])
  })
  test('is written with what it needs from who reads it', () => {
    const step: MigrationStep = {
      description: 'rebuild a',
      sql: ['SELECT 1', 'SELECT 2'],
      differences: [
        { kind: 'drop', subject: 'a.b', words: 'drop column a.b' },
        { kind: 'widen', subject: 'a.c', words: 'a.c may be null' },
      ],
      wanting: ['a.d'],
      safe: false,
    }
    const written = migrationText('0001-a', [step], { 'drop a.b': '1 of 2 rows have a value' })
    expect(written).toContain('-- consent needed: drop a.b\n--   1 of 2 rows have a value\n')
    expect(written).toContain('a.d is in rows')
    expect(parseMigration('0001-a.sql', written, false).consents).toEqual([])
    const agreed = parseMigration('0001-a.sql', written.replace('consent needed:', 'consent:'), false)
    expect(agreed.consents).toEqual(['drop a.b'])
    expect(agreed.sections.map(({ title }) => title)).toEqual(['rebuild a'])
  })
  test.each([
    ['addSlug to Articles', '0001-add-slug-to-articles'],
    ['--', '0001-change'],
  ])('called %j is %s', (words, name) => expect(nextMigrationName([], words)).toBe(name))
})
