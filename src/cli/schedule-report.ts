import type { ScheduleInfo, TickInfo } from '../effects/index.ts'
import type { painter } from '../runtime/index.ts'

type Paint = ReturnType<typeof painter>

/** `2026-11-23 07:00:00`, in UTC, with milliseconds where there are some. */
export function timeText(at: Date): string {
  return at
    .toISOString()
    .replace('T', ' ')
    .replace(/(\.000)?Z$/, '')
}

const stateStyles = { active: 'green', paused: 'yellow', new: 'dim' } as const

export function scheduleTable(schedules: readonly ScheduleInfo[], paint: Paint): string {
  if (schedules.length === 0) return 'This app has no schedules.\n'
  const rows = schedules.map(({ name, times, state, next, last }) => [
    name,
    times,
    state,
    next ? timeText(next) : '-',
    last ? timeText(last) : '-',
  ])
  return table(['name', 'times', 'state', 'next', 'last'], rows, paint, (column, cell) =>
    column === 2 ? paint(stateStyles[cell.trim() as keyof typeof stateStyles], cell) : cell,
  )
}

const outcomeStyles = { run: 'green', manual: 'green', missed: 'yellow' } as const

export function tickTable(ticks: readonly TickInfo[], paint: Paint): string {
  if (ticks.length === 0) return 'It has had no tick yet.\n'
  const rows = ticks.map(({ at, noted, outcome, missed, job }) => [
    timeText(at),
    `${((noted.getTime() - at.getTime()) / 1000).toFixed(1)} s`,
    outcome,
    String(missed),
    job ?? '-',
  ])
  return table(['due', 'late', 'outcome', 'missed before', 'job'], rows, paint, (column, cell) =>
    column === 2 ? paint(outcomeStyles[cell.trim() as keyof typeof outcomeStyles], cell) : cell,
  )
}

export function table(
  head: string[],
  rows: string[][],
  paint: Paint,
  styled: (column: number, cell: string) => string,
): string {
  const widths = head.map((title, at) => Math.max(title.length, ...rows.map((row) => row[at]!.length)))
  const line = (cells: string[], style: (column: number, cell: string) => string) =>
    `${cells.map((cell, at) => style(at, at === cells.length - 1 ? cell : cell.padEnd(widths[at]!))).join('  ')}\n`
  return [line(head, (_, cell) => paint('dim', cell)), ...rows.map((row) => line(row, styled))].join('')
}
