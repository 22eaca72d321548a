import type { WebhookDelivery, WebhookEndpoint } from '../effects/index.ts'
import type { painter } from '../runtime/index.ts'
import { table, timeText } from './schedule-report.ts'

type Paint = ReturnType<typeof painter>

const stateStyles: Record<string, 'green' | 'yellow' | 'red' | 'dim'> = {
  active: 'green',
  failing: 'yellow',
  disabled: 'red',
  delivered: 'green',
  waiting: 'yellow',
  skipped: 'dim',
}

export function endpointTable(endpoints: readonly WebhookEndpoint[], paint: Paint): string {
  if (endpoints.length === 0) return 'There are no endpoints.\n'
  const rows = endpoints.map(({ id, url, owner, events, state, reason, failingSince, waiting, nextAttempt }) => [
    id,
    state === 'active' && failingSince ? 'failing' : state,
    reason ?? (failingSince ? `since ${timeText(failingSince)}` : '-'),
    String(waiting),
    nextAttempt ? timeText(nextAttempt) : '-',
    events?.join(',') ?? 'all',
    owner ?? '-',
    url,
  ])
  return table(['id', 'state', 'why', 'waiting', 'next', 'events', 'owner', 'url'], rows, paint, (column, cell) =>
    column === 1 ? paint(stateStyles[cell.trim()]!, cell) : cell,
  )
}

export function deliveryTable(deliveries: readonly WebhookDelivery[], paint: Paint): string {
  if (deliveries.length === 0) return 'There are no such deliveries.\n'
  const rows = deliveries.map(({ id, event, state, attempts, status, duration, tried, error, response }) => [
    id,
    event,
    state,
    String(attempts),
    status === null ? '-' : String(status),
    duration === null ? '-' : `${duration} ms`,
    tried ? timeText(tried) : '-',
    firstLine(state === 'delivered' ? '-' : [error, response].filter(Boolean).join(' ') || '-'),
  ])
  return table(['id', 'event', 'state', 'tries', 'status', 'took', 'tried', 'error'], rows, paint, (column, cell) =>
    column === 2 ? paint(stateStyles[cell.trim()]!, cell) : cell,
  )
}

// What another server answered is text that nobody checked: no part of it may move the cursor of a terminal.
function firstLine(text: string): string {
  return text
    .split('\n')[0]!
    .replaceAll(/\p{Cc}/gu, ' ')
    .slice(0, 80)
}
