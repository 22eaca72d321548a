import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { MonoblocError } from '../../errors.ts'
import type { Difference, MigrationStep } from './migration.ts'

/** The language that a file of SQL is written in. */
export type MigrationEngine = 'sqlite' | 'postgresql'

/**
 * A part of a file. `step` changes the schema; `fill` gives a new column its values, a batch of rows after another where
 * the engine can; `data` changes rows, and is written by hand.
 */
export interface MigrationSection {
  kind: 'step' | 'fill' | 'data'
  title: string
  sql: string
  /** Where it begins in the file. */
  line: number
}

/** One file of the folder of migrations, in the order of their numbers. */
export interface MigrationFile {
  number: number
  /** With its number and without its ending: `0002-headline`. */
  name: string
  /** Absolute. */
  file: string
  /** SHA-256 of its text. */
  checksum: string
  /** Empty for a program. */
  sections: MigrationSection[]
  /** What is allowed to be lost: `drop article.body`. */
  consents: string[]
  /** What its SQL is written for. A program says everything through `db`, and may run on each. */
  engine: MigrationEngine
  /** A data step in TypeScript or JavaScript, which exports `migrate(db)`. */
  isProgram: boolean
}

const namePattern = /^(\d{4,})-([a-z\d]+(?:-[a-z\d]+)*)\.(sql|ts|js|mts|mjs)$/
const heading = /^--\s*(step|fill|data):\s*(.*)$/
const engineLine = /^--\s*engine:\s*(\S*)\s*$/
const engines: readonly string[] = ['sqlite', 'postgresql'] satisfies MigrationEngine[]
const consentLine = /^--\s*consent:\s*(.+?)\s*$/

/**
 * Reads the folder. Other files in it are left alone, but a name that begins with a number must be right: a file that is
 * passed over in silence would be missed late.
 *
 * @param engine what the database is: each engine's files stand in a folder of their own, see `migrationFolder`
 * @throws MonoblocError `migration_refused`, `migration_engine`
 */
export function readMigrationFiles(folder: string, engine: MigrationEngine = 'sqlite'): MigrationFile[] {
  if (!existsSync(folder)) return []
  const names = readdirSync(folder).filter((name) => /^\d/.test(name) && !name.endsWith('.d.ts'))
  const files = names.map((name) => readOne(folder, name, engine)).sort((a, b) => a.number - b.number)
  for (const [at, file] of files.entries()) {
    const before = files[at - 1]
    if (before?.number !== file.number) continue
    throw new MonoblocError('migration_refused', {
      detail: `${path.basename(before.file)} and ${path.basename(file.file)} have the same number: give the one that was applied nowhere yet a later one.`,
    })
  }
  return files
}

function readOne(folder: string, name: string, engine: MigrationEngine): MigrationFile {
  const [, number, , ending] = namePattern.exec(name) ?? []
  if (!number) {
    throw new MonoblocError('migration_refused', {
      detail: `${name} can't name a migration: write 0001-what-it-does.sql, or .ts for a program.`,
    })
  }
  const file = path.join(folder, name)
  const parsed = parseMigration(file, readFileSync(file, 'utf8'), ending !== 'sql')
  if (parsed.isProgram || parsed.engine === engine) return parsed
  const said = { sqlite: 'SQLite (a file without the line `-- engine: …` is)', postgresql: 'PostgreSQL' }
  const place = engine === 'sqlite' ? 'migrations' : 'migrations/postgresql'
  throw new MonoblocError('migration_engine', {
    subject: parsed.name,
    detail: `${name} in ${folder} is SQL for ${said[parsed.engine]}, and the database is ${engine === 'sqlite' ? 'SQLite' : 'PostgreSQL'}, whose files stand in ${place}.`,
  })
}

/**
 * Where the files of an engine stand: SQLite's in `migrations`, PostgreSQL's in `migrations/postgresql`. An app that runs on
 * both has both, since the same change is other SQL on each.
 */
export function migrationFolder(folder: string, engine: MigrationEngine): string {
  return engine === 'sqlite' ? folder : path.join(folder, engine)
}

/** @param file its path, whose name has been seen to be right */
export function parseMigration(file: string, text: string, isProgram: boolean): MigrationFile {
  // A checkout on another system may have other line ends.
  const lines = text.replaceAll('\r\n', '\n').split('\n')
  const base = path.basename(file)
  return {
    number: Number(/^\d+/.exec(base)![0]),
    name: base.slice(0, base.lastIndexOf('.')),
    file,
    checksum: createHash('sha256').update(lines.join('\n')).digest('hex'),
    sections: isProgram ? [] : sectionsOf(lines),
    consents: lines.flatMap((line) => consentLine.exec(line.trim())?.[1] ?? []),
    engine: engineOf(base, lines),
    isProgram,
  }
}

function engineOf(name: string, lines: readonly string[]): MigrationEngine {
  const [said] = lines.flatMap((line) => engineLine.exec(line)?.[1] ?? [])
  if (said === undefined) return 'sqlite'
  if (engines.includes(said)) return said as MigrationEngine
  throw new MonoblocError('migration_engine', {
    detail: `${name}: there is no engine "${said}"; write sqlite or postgresql.`,
  })
}

function sectionsOf(lines: readonly string[]): MigrationSection[] {
  const sections: MigrationSection[] = []
  for (const [at, line] of lines.entries()) {
    const [, kind, title] = heading.exec(line) ?? []
    if (kind) sections.push({ kind: kind as 'step', title: title!.trim(), sql: '', line: at + 1 })
    else if (sections.length > 0) sections.at(-1)!.sql += `${line}\n`
    // What stands before the first heading changes the schema too, if it does anything.
    else if (line.trim() && !line.startsWith('--')) sections.push({ kind: 'step', title: '', sql: line, line: at + 1 })
  }
  return sections
}

/** `drop article.body`: how consent to it is written. */
export function consentFor({ kind, subject }: Pick<Difference, 'kind' | 'subject'>): string {
  return `${kind} ${subject}`
}

export function needsConsent({ kind }: Pick<Difference, 'kind'>): boolean {
  return kind === 'drop' || kind === 'retype' || kind === 'narrow'
}

/** The consents that a step asks for, each once. */
export function consentsOf(step: Pick<MigrationStep, 'differences'>): string[] {
  return [...new Set(step.differences.filter(needsConsent).map(consentFor))]
}

/** The text of a file for review: every step with its SQL, and what needs consent marked as not given. */
export function migrationText(
  name: string,
  steps: readonly MigrationStep[],
  losses: Record<string, string>,
  engine: MigrationEngine = 'sqlite',
): string {
  const parts = steps.map((step) => {
    const lines = [`-- ${step.fill ? 'fill' : 'step'}: ${step.description}`]
    if (step.differences.length > 1) lines.push(...step.differences.map(({ words }) => `--   ${words}`))
    for (const consent of consentsOf(step)) {
      lines.push(`-- consent needed: ${consent}`)
      if (losses[consent]) lines.push(`--   ${losses[consent]}`)
    }
    for (const column of step.wanting) {
      lines.push(`-- value needed: write in place of NULL what ${column} is in rows that are there already`)
    }
    return [...lines, ...step.sql.map((sql) => `${sql};`)].join('\n')
  })
  const consents = steps.some((step) => consentsOf(step).length > 0)
  const head = [
    `-- ${name}`,
    ...(engine === 'sqlite' ? [] : [`-- engine: ${engine}`]),
    '-- Read it, commit it, and run: monobloc migrate apply. Once it has been applied anywhere it must not change.',
    ...(consents ? ['-- To allow what is lost, change `consent needed` into `consent`.'] : []),
  ]
  return `${[head.join('\n'), ...parts].join('\n\n')}\n`
}

/** Steps that no file has, as one that was read. */
export function asFile(steps: readonly MigrationStep[], engine: MigrationEngine = 'sqlite'): MigrationFile {
  const sections = steps.map(({ description, sql, fill }) => ({
    kind: fill ? ('fill' as const) : ('step' as const),
    title: description,
    sql: sql.map((each) => `${each};`).join('\n'),
    line: 1,
  }))
  return { number: 0, name: 'models', file: '', checksum: '', sections, consents: [], engine, isProgram: false }
}

/** The name of the next file: `0003-what`. */
export function nextMigrationName(files: readonly MigrationFile[], what: string): string {
  const number = (files.at(-1)?.number ?? 0) + 1
  const words = what
    .replace(/([a-z\d])([A-Z])/g, '$1-$2')
    .toLowerCase()
    .replace(/[^a-z\d]+/g, '-')
    .replace(/^-+|-+$/g, '')
  return `${String(number).padStart(4, '0')}-${words || 'change'}`
}
