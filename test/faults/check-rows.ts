import type { DatabaseSync, SQLOutputValue } from 'node:sqlite'
import { type Acknowledged, presenceOf, type Sent } from './acknowledged.ts'
import { openingBalance } from './operation.ts'

type Row = Record<string, SQLOutputValue>

/** Each transfer is there with both of its entries or not at all, and the balances are what the entries make. */
export function checkTransfers(database: DatabaseSync, ledger: Acknowledged): string[] {
  const rows = byRequest(
    database,
    `
    select transfer.id, transfer.request, "from".name as "from", "to".name as "to", transfer.amount, (
      select json_group_array(json_array(account.name, entry.delta) order by entry.delta)
      from entry join account on account.id = entry.account where entry.transfer = transfer.id
    ) as entries
    from transfer
    join account as "from" on "from".id = transfer."from" join account as "to" on "to".id = transfer."to"`,
  )
  const violations = checkEach(ledger.of('transfer'), rows, ({ operation: { from, to, amount } }, found) => {
    const entries = JSON.stringify([
      [from, -amount],
      [to, amount],
    ])
    const isWhole = found.length === 1 && found[0]!.entries === entries
    return isWhole && found[0]!.from === from && found[0]!.to === to && found[0]!.amount === amount
  })
  const wrong = database
    .prepare(`
      select name, balance, ? + coalesce((select sum(delta) from entry where entry.account = account.id), 0) as expected
      from account where balance <> expected or balance < 0`)
    .all(openingBalance)
  for (const row of wrong) violations.push(`${row.name} has ${row.balance} where its entries make ${row.expected}`)
  const [totals] = database.prepare('select sum(balance) as sum, count(*) as count from account').all() as [Row]
  if (totals.count !== 0 && totals.sum !== Number(totals.count) * openingBalance) {
    violations.push(`the ${totals.count} accounts hold ${totals.sum} together`)
  }
  return violations
}

/** Each hit happened once, and each counter counted each of its hits. */
export function checkHits(database: DatabaseSync, ledger: Acknowledged): string[] {
  const rows = byRequest(
    database,
    'select request, counter.name as counter, hit.value from hit join counter on counter.id = hit.counter',
  )
  const violations = checkEach(ledger.of('hit'), rows, ({ operation, answer }, found) => {
    const isAsAnswered = !answer || JSON.parse(answer.body).value === found[0]!.value
    return found.length === 1 && found[0]!.counter === operation.counter && isAsAnswered
  })
  const wrong = database
    .prepare(`
      select counter.name, counter.value, count(hit.id) as hits, count(distinct hit.value) as steps, max(hit.value) as last
      from counter left join hit on hit.counter = counter.id
      group by counter.id having counter.value <> hits or hits <> steps or coalesce(last, 0) <> hits`)
    .all()
  for (const row of wrong)
    violations.push(`counter ${row.name} is at ${row.value} after ${row.hits} hits in ${row.steps} steps`)
  return violations
}

/** Each order is there with all its lines and nothing that a nested transaction undid, or not at all. */
export function checkOrders(database: DatabaseSync, ledger: Acknowledged): string[] {
  const rows = byRequest(
    database,
    `
    select request, "lineCount", paid, (
      select json_group_array(json_array(item, quantity, price) order by item) from line where line."order" = "order".id
    ) as lines
    from "order"`,
  )
  const violations = checkEach(ledger.of('order'), rows, ({ operation: { lines } }, found) => {
    const expected = lines.map(({ item, quantity, price }) => [item, quantity, Number(price.replace('.', ''))])
    return found.length === 1 && found[0]!.paid === 1 && found[0]!.lines === JSON.stringify(expected)
  })
  const orphans = database.prepare('select item from line where "order" not in (select id from "order")').all()
  for (const { item } of orphans) violations.push(`line ${item} has no order`)
  return violations
}

/** Nothing of a refused request is there; of one outside a transaction each write at most once, in order. */
export function checkMarks(database: DatabaseSync, ledger: Acknowledged): string[] {
  const rows = byRequest(
    database,
    'select request, json_group_array(step order by id) as steps from mark group by request',
  )
  const stepsOf = ({ operation }: Sent) => String(rows.get(operation.id)?.[0]?.steps ?? '[]')
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
    if (!ledger.get(request)) violations.push(`marks of ${request} are there and nobody sent it`)
  }
  return violations
}

/** Holds each request to whether its rows must be there; settles those of which nobody knew. */
function checkEach<S extends Sent>(
  requests: S[],
  rows: Map<string, Row[]>,
  isExact: (sent: S, found: Row[]) => boolean,
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

function byRequest(database: DatabaseSync, sql: string): Map<string, Row[]> {
  return Map.groupBy(database.prepare(sql).all() as Row[], ({ request }) => String(request))
}

function told({ operation, outcome }: Sent): string {
  return `${operation.kind} ${operation.id} (${outcome})`
}
