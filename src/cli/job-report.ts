import type { JobCounts, JobInfo, JobState } from '../effects/index.ts'
import type { painter } from '../runtime/index.ts'
import { table, timeText } from './schedule-report.ts'

type Paint = ReturnType<typeof painter>

const stateStyles: Record<JobState, 'green' | 'yellow' | 'red' | 'dim'> = {
  waiting: 'dim',
  delayed: 'dim',
  queued: 'dim',
  running: 'yellow',
  cancelling: 'yellow',
  awaiting: 'yellow',
  done: 'green',
  failed: 'red',
  cancelled: 'dim',
}

export function jobTable(jobs: readonly JobInfo[], paint: Paint): string {
  if (jobs.length === 0) return 'There are no such jobs.\n'
  const rows = jobs.map(({ id, name, state, attempt, attempts, createdAt, error }) => [
    id,
    name,
    state,
    `${attempt}/${attempts}`,
    timeText(createdAt),
    error ? (error.code ?? firstLine(error.message)) : '-',
  ])
  return table(['id', 'name', 'state', 'attempt', 'created', 'error'], rows, paint, (column, cell) =>
    column === 2 ? paint(stateStyles[cell.trim() as JobState], cell) : cell,
  )
}

export function jobCountsTable(found: readonly JobCounts[], paint: Paint): string {
  if (found.length === 0) return 'This app has no jobs.\n'
  const states = (Object.keys(stateStyles) as JobState[]).filter((state) => found.some(({ counts }) => counts[state]))
  const rows = found.map(({ name, pausedAt, counts }) => [
    name,
    ...states.map((state) => String(counts[state] ?? 0)),
    pausedAt ? `since ${timeText(pausedAt)}` : '-',
  ])
  return table(['name', ...states, 'paused'], rows, paint, (_, cell) => cell)
}

/** Everything of one. */
export function jobText(job: JobInfo, paint: Paint): string {
  const json = (value: unknown) => (value === null ? undefined : JSON.stringify(value))
  const time = (at: Date | null) => (at ? timeText(at) : undefined)
  const lines: [string, string | undefined][] = [
    ['id', job.id],
    ['name', job.name],
    ['state', paint(stateStyles[job.state], job.state)],
    ['attempt', `${job.attempt} of ${job.attempts}`],
    ['priority', String(job.priority)],
    ['created', time(job.createdAt)],
    ['due', time(job.dueAt)],
    ['started', time(job.startedAt)],
    ['ended', time(job.endedAt)],
    ['input', json(job.input)],
    ['progress', json(job.progress)],
    ['result', json(job.result)],
    ['error', job.error ? [job.error.code, job.error.message].filter(Boolean).join(': ') : undefined],
    ['worker', job.worker ?? undefined],
    ['cause', job.cause ?? undefined],
    ['trace', job.trace ?? undefined],
  ]
  return lines
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `${paint('dim', name.padEnd(8))}  ${value}\n`)
    .join('')
}

function firstLine(message: string): string {
  const [line = ''] = message.split('\n', 1)
  return line.length > 60 ? `${line.slice(0, 59)}…` : line
}
