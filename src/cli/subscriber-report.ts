import type { SkippedEvent, SubscriberInfo } from '../effects/index.ts'
import type { painter } from '../runtime/index.ts'

type Paint = ReturnType<typeof painter>

const stateStyles = { running: 'green', failing: 'red', paused: 'yellow', lost: 'red', new: 'dim' } as const

/** A line each, and beneath those that fail, with what. */
export function subscriberTable(subscribers: readonly SubscriberInfo[], paint: Paint): string {
  if (subscribers.length === 0) return 'This app has no subscribers that follow the log.\n'
  const head = ['name', 'event', 'state', 'position', 'behind', 'pending', 'attempts']
  const rows = subscribers.map(({ name, event, state, position, lag, pending, attempts }) => [
    name,
    event,
    state,
    String(position),
    lag.positions === 0 && lag.milliseconds === 0 ? '-' : `${lag.positions}, ${(lag.milliseconds / 1000).toFixed(1)} s`,
    String(pending),
    String(attempts),
  ])
  const widths = head.map((title, at) => Math.max(title.length, ...rows.map((row) => row[at]!.length)))
  const line = (cells: string[], style: (column: number, cell: string) => string) =>
    `${cells
      .map((cell, at) => style(at, cell.padEnd(widths[at]!)))
      .join('  ')
      .trimEnd()}\n`
  const lines = rows.map((row, at) => {
    const { state, error } = subscribers[at]!
    const told = line(row, (column, cell) => (column === 2 ? paint(stateStyles[state], cell) : cell))
    return error ? `${told}  ${paint('dim', error.split('\n')[0]!)}\n` : told
  })
  return [line(head, (_, cell) => paint('dim', cell)), ...lines].join('')
}

export function skippedText({ subscriber, event, position, error }: SkippedEvent): string {
  return `${subscriber} leaves out ${event.name} ${event.id} at ${position}: ${JSON.stringify(event.data)}\n  ${error ?? ''}\n`
}
