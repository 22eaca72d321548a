import { type Acknowledged, presenceOf, type Sent } from './acknowledged.ts'
import { type Json, rowsBy, rowsById } from './contents.ts'
import { openingBalance } from './operation.ts'

type Tables = Map<string, Json[]>

/** Each transfer is there with both of its entries or not at all, and the balances are what the entries make. */
export function checkTransfers(tables: Tables, ledger: Acknowledged): string[] {
  const accounts = rowsById(tables, 'account')
  const nameOf = (id: unknown) => accounts.get(id)?.name
  const entries = rowsBy(tables, 'entry', 'transfer')
  const transfers = (tables.get('transfer') ?? []).map(({ id, request, from, to, amount }) => ({
    ...{ request, from: nameOf(from), to: nameOf(to), amount },
    entries: (entries.get(id) ?? [])
      .map(({ account, delta }) => [nameOf(account), delta] as [string, number])
      .sort(([, one], [, other]) => one - other),
  }))
  const violations = checkEach(ledger.of('transfer'), byRequest(transfers), ({ operation }, found) => {
    const { from, to, amount } = operation
    const expected = [
      [from, -amount],
      [to, amount],
    ]
    const isWhole = found.length === 1 && JSON.stringify(found[0]!.entries) === JSON.stringify(expected)
    return isWhole && found[0]!.from === from && found[0]!.to === to && found[0]!.amount === amount
  })
  return [...violations, ...checkBalances(tables)]
}

function checkBalances(tables: Tables): string[] {
  const entries = rowsBy(tables, 'entry', 'account')
  const accounts = tables.get('account') ?? []
  const violations = accounts.flatMap(({ id, name, balance }) => {
    const expected = (entries.get(id) ?? []).reduce((sum, { delta }) => sum + Number(delta), openingBalance)
    const isRight = balance === expected && expected >= 0
    return isRight ? [] : [`${name} has ${balance} where its entries make ${expected}`]
  })
  const sum = accounts.reduce((sum, { balance }) => sum + Number(balance), 0)
  if (sum !== accounts.length * openingBalance) violations.push(`the ${accounts.length} accounts hold ${sum} together`)
  return violations
}

/** Each hit happened once, and each counter counted each of its hits. */
export function checkHits(tables: Tables, ledger: Acknowledged): string[] {
  const counters = rowsById(tables, 'counter')
  const hits = (tables.get('hit') ?? []).map(({ request, counter, value }) => ({
    ...{ request, value },
    counter: counters.get(counter)?.name,
  }))
  const violations = checkEach(ledger.of('hit'), byRequest(hits), ({ operation, answer }, found) => {
    const isAsAnswered = !answer || JSON.parse(answer.body).value === found[0]!.value
    return found.length === 1 && found[0]!.counter === operation.counter && isAsAnswered
  })
  for (const { name, value } of counters.values()) {
    const values = hits.filter(({ counter }) => counter === name).map((hit) => Number(hit.value))
    const steps = new Set(values).size
    if (value !== values.length || steps !== values.length || Math.max(0, ...values) !== values.length)
      violations.push(`counter ${name} is at ${value} after ${values.length} hits in ${steps} steps`)
  }
  return violations
}

/** Each order is there with all its lines and nothing that a nested transaction undid, or not at all. */
export function checkOrders(tables: Tables, ledger: Acknowledged): string[] {
  const lines = rowsBy(tables, 'line', 'order')
  const orders = (tables.get('order') ?? []).map(({ id, request, paid }) => ({
    ...{ request, paid },
    lines: (lines.get(id) ?? [])
      .map(({ item, quantity, price }) => [String(item), quantity, price])
      .sort(([one], [other]) => (String(one) < String(other) ? -1 : 1)),
  }))
  const violations = checkEach(ledger.of('order'), byRequest(orders), ({ operation }, found) => {
    const expected = operation.lines.map(({ item, quantity, price }) => [item, quantity, price])
    return found.length === 1 && found[0]!.paid === true && JSON.stringify(found[0]!.lines) === JSON.stringify(expected)
  })
  const known = rowsById(tables, 'order')
  for (const [order, orphans] of lines)
    if (!known.has(order)) violations.push(...orphans.map(({ item }) => `line ${item} has no order`))
  return violations
}

/** Nothing of a refused request is there; of one outside a transaction each write at most once, in order. */
export function checkMarks(tables: Tables, ledger: Acknowledged): string[] {
  const rows = rowsBy(tables, 'mark', 'request')
  const stepsOf = ({ operation }: Sent) => {
    const marks = (rows.get(operation.id) ?? []).toSorted((one, other) => Number(one.id) - Number(other.id))
    return JSON.stringify(marks.map(({ step }) => step))
  }
  const violations = ledger
    .of('refusal')
    .filter((sent) => stepsOf(sent) !== '[]')
    .map((sent) => `${told(sent)} left ${stepsOf(sent)}`)
  for (const sent of ledger.of('outside')) {
    const presence = presenceOf(sent)
    const allowed = presence === 'present' ? ['[1,2]'] : presence === 'absent' ? ['[]'] : ['[]', '[1]', '[1,2]']
    if (!allowed.includes(stepsOf(sent))) violations.push(`${told(sent)} left ${stepsOf(sent)}`)
  }
  for (const request of rows.keys()) {
    if (!ledger.get(String(request))) violations.push(`marks of ${request} are there and nobody sent it`)
  }
  return violations
}

/** Holds each request to whether its rows must be there; settles those of which nobody knew. */
function checkEach<S extends Sent>(
  requests: S[],
  rows: Map<string, Json[]>,
  isExact: (sent: S, found: Json[]) => boolean,
): string[] {
  const violations: string[] = []
  const known = new Set<string>()
  for (const sent of requests) {
    known.add(sent.operation.id)
    const found = rows.get(sent.operation.id)
    const presence = presenceOf(sent)
    if (found && presence === 'absent') violations.push(`${told(sent)} is there`)
    if (!found && presence === 'present') violations.push(`${told(sent)} is lost`)
    if (found && !isExact(sent, found)) violations.push(`${told(sent)} is there as ${JSON.stringify(found)}`)
    if (presence === 'either') sent.outcome = found ? 'kept' : 'gone'
  }
  for (const request of rows.keys()) {
    if (!known.has(request)) violations.push(`${request} is there and nobody sent it`)
  }
  return violations
}

function byRequest(rows: Json[]): Map<string, Json[]> {
  return Map.groupBy(rows, ({ request }) => String(request))
}

function told({ operation, outcome }: Sent): string {
  return `${operation.kind} ${operation.id} (${outcome})`
}
