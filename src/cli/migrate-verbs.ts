import { mkdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import type { AppData } from '../runtime/index.ts'
import { migrationEngine, migrationPlace, painter } from '../runtime/index.ts'
import {
  consentsOf,
  fileStates,
  type MigrationPlan,
  type MigrationProgress,
  type MigrationState,
  type MigrationStatus,
  migrationText,
  nextMigrationName,
} from '../storage/index.ts'
import type { OptionValues, Terminal } from './command.ts'

export interface VerbResult {
  text: string
  json: unknown
  code: number
}

type Verb = (data: AppData, options: OptionValues, terminal: Terminal) => Promise<VerbResult>

export const plan: Verb = async ({ migrator, files, schema, config }, { name }, { folder: from, colour }) => {
  const known = files()
  const found = await migrator.plan(known, schema)
  let file: string | null = null
  if (typeof name === 'string' && found.steps.length > 0) {
    const next = nextMigrationName(known, name)
    const folder = migrationPlace(config)
    file = path.join(folder, `${next}.sql`)
    mkdirSync(folder, { recursive: true })
    writeFileSync(file, migrationText(next, found.steps, found.losses, migrationEngine(config)), { flag: 'wx' })
  }
  const shown = file && path.relative(from, file)
  const changed = fileStates(known, await migrator.history()).flatMap(({ name, state }) =>
    state === 'changed' ? [name] : [],
  )
  const warned = changed.map((name) => `${painter(colour)('red', `${name} ${remedies.changed}`)}\n`).join('')
  return { text: warned + planText(found, shown, colour), json: { file: shown, ...found, changed }, code: 0 }
}

function planText(found: MigrationPlan, file: string | null, colour: boolean): string {
  const paint = painter(colour)
  if (found.steps.length === 0) return 'Nothing to do: the files make what the models say.\n'
  const steps = found.steps.flatMap((step, at) => [
    `${at + 1}. ${paint('bold', step.description)}`,
    ...(step.differences.length > 1 ? step.differences.map(({ words }) => `     ${words}`) : []),
    ...consentsOf(step).map((consent) =>
      paint('yellow', `     needs consent: ${consent}${found.losses[consent] ? ` (${found.losses[consent]})` : ''}`),
    ),
    ...step.wanting.map((column) => paint('yellow', `     needs a value for old rows: ${column}`)),
    ...(file ? [] : step.sql.map((sql) => paint('dim', sql.replace(/^/gm, '     ')))),
  ])
  const consent = found.steps.some((step) => consentsOf(step).length > 0)
  const end = file
    ? [
        `Written to ${file}.`,
        consent ? 'Change `consent needed` into `consent` there to allow what is lost.' : '',
        'Then: monobloc migrate apply',
      ]
    : ['To write it into a file: monobloc migrate plan --name what-it-does']
  const questions = found.questions.map((question) => paint('yellow', question))
  if (file && questions.length > 0)
    end.splice(1, 0, `If one of them is the same: write so, delete ${file} and plan again.`)
  return `${[...steps, '', ...questions, ...end].filter((line, at) => line || at === steps.length).join('\n')}\n`
}

export const apply: Verb = async ({ migrator, files, schema, runProgram }, _options, terminal) => {
  const done = await migrator.apply({ files: files(), schema, runProgram, onProgress: progressTo(terminal) })
  const lines = [
    ...done.applied.map((name) => `Applied ${name}`),
    ...done.mended.map((words) => `Besides: ${words}`),
    ...(done.backup ? [`The database as it was before: ${path.relative(terminal.folder, done.backup)}`] : []),
  ]
  return { text: `${lines.join('\n') || 'Nothing to do: every file is applied.'}\n`, json: done, code: 0 }
}

function progressTo({ err, progress }: Terminal): (step: MigrationProgress) => void {
  let what = ''
  let draw: (done: number) => void = () => {}
  return (step) => {
    if (step.total === undefined) err(`${step.what} …\n`)
    else {
      if (what !== step.what) draw = progress(step.what, step.total)
      draw(step.done ?? 0)
    }
    what = step.what
  }
}

export const status: Verb = async ({ migrator, files, schema }, _options, { colour }) => {
  const found = await migrator.status(files(), schema)
  const whole =
    found.files.every(({ state }) => state === 'applied') && found.drift.length + found.unplanned.length === 0
  return { text: statusText(found, colour), json: found, code: whole ? 0 : 1 }
}

const remedies: Partial<Record<MigrationState, string>> = {
  pending: 'pending: monobloc migrate apply. One that was applied nowhere may be changed or deleted.',
  changed: 'changed since it was applied: put the file back as it was, and write the change into a new one.',
  missing: 'missing: it was applied here, and the folder lacks it. Put it back, from version control.',
  late: 'late: it comes before one that was applied. Give it the next number.',
}

function statusText({ files, drift, unplanned }: MigrationStatus, colour: boolean): string {
  const paint = painter(colour)
  const styles = { applied: 'green', pending: 'yellow', changed: 'red', missing: 'red', late: 'red' } as const
  const lines = files.map(({ name, state, at }) => {
    return `${paint(styles[state], state.padEnd(8))} ${name}${at ? paint('dim', `  ${at.toISOString()}`) : ''}`
  })
  const open = new Set(files.map(({ state }) => state))
  lines.push(...Object.entries(remedies).flatMap(([state, words]) => (open.has(state as never) ? ['', words] : [])))
  if (files.length === 0) lines.push('There is no migration file yet: monobloc migrate plan --name initial')
  if (drift.length > 0) lines.push('', 'Beside its files the database got:', ...drift.map((words) => `  ${words}`))
  if (unplanned.length > 0)
    lines.push('', 'The models have what no file makes (monobloc migrate plan):', ...unplanned.map((one) => `  ${one}`))
  return `${lines.join('\n')}\n`
}

export const history: Verb = async ({ migrator }) => {
  const entries = await migrator.history()
  const lines = entries.map(({ name, at, millis }) => `${at.toISOString()}  ${String(millis).padStart(6)} ms  ${name}`)
  return { text: `${lines.join('\n') || 'No migration was applied to this database.'}\n`, json: entries, code: 0 }
}
