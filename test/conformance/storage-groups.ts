import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Session, Storage } from '../../src/storage/index.ts'
import { codeOf, key, type OpenStorage, raw, rows, sql, wholeLog, write } from './storage-fixture.ts'

/** One step of a member's work. `n` is a row of which there are few, so that members meet. */
type Step =
  | { do: 'insert' | 'rename' | 'delete'; n: number }
  | { do: 'yield' | 'throw' | 'await something foreign' }
  | { do: 'savepoint'; steps: Step[]; swallow: boolean }

type Rows = Map<number, string>

class Failure extends Error {
  readonly code: string
  constructor(code: string) {
    super(code)
    this.code = code
  }
}

const n = fc.integer({ min: 1, max: 6 })
const { member } = fc.letrec<{ step: Step; steps: Step[]; member: Step[] }>((tie) => ({
  step: fc.oneof(
    {
      weight: 8,
      arbitrary: fc.record({ do: fc.constantFrom('insert' as const, 'rename' as const, 'delete' as const), n }),
    },
    { weight: 2, arbitrary: fc.record({ do: fc.constant('yield' as const) }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constantFrom('throw' as const, 'await something foreign' as const) }) },
    {
      weight: 2,
      arbitrary: fc.record({ do: fc.constant('savepoint' as const), steps: tie('steps'), swallow: fc.boolean() }),
    },
  ),
  steps: fc.array(tie('step'), { maxLength: 4 }),
  member: tie('steps'),
}))

/** What the database must do with a member, on plain maps. */
function predict(steps: readonly Step[], before: Rows, at: number): Rows {
  const rows = new Map(before)
  for (const step of steps) {
    if (step.do === 'insert') {
      if (rows.has(step.n)) throw new Failure('unique_violation')
      rows.set(step.n, `new ${step.n}`)
    } else if (step.do === 'rename') {
      if (rows.has(step.n)) rows.set(step.n, `renamed ${step.n} by ${at}`)
    } else if (step.do === 'delete') {
      rows.delete(step.n)
    } else if (step.do === 'throw') {
      throw new Failure('thrown')
    } else if (step.do === 'await something foreign') {
      throw new Failure('foreign_await')
    } else if (step.do === 'savepoint') {
      try {
        const after = predict(step.steps, rows, at)
        rows.clear()
        for (const [id, name] of after) rows.set(id, name)
      } catch (error) {
        if (!step.swallow || (error as Failure).code === 'foreign_await') throw error
      }
    }
  }
  return rows
}

async function perform(session: Session, steps: readonly Step[], at: number): Promise<void> {
  for (const step of steps) {
    if (step.do === 'insert') {
      const done = session.run(sql('insert into person (id, name) values (?, ?)'), [key(step.n), `new ${step.n}`])
      // What is there at once is not waited for.
      if (done instanceof Promise) await done
    } else if (step.do === 'rename') {
      await session.run(sql('update person set name = ? where id = ?'), [`renamed ${step.n} by ${at}`, key(step.n)])
    } else if (step.do === 'delete') await raw(session, 'delete from person where id = ?', [key(step.n)])
    else if (step.do === 'yield') await null
    else if (step.do === 'throw') throw new Failure('thrown')
    else if (step.do === 'await something foreign') await new Promise((resolve) => setImmediate(resolve))
    else if (step.do === 'savepoint') {
      const inner = session.savepoint(() => perform(session, step.steps, at))
      await (step.swallow ? inner.catch(() => {}) : inner)
    }
  }
}

async function check(storage: Storage, members: Step[][], before: Rows): Promise<Rows> {
  let expected = before
  const codes = members.map((steps, at) => {
    try {
      expected = predict(steps, expected, at)
      return 'no error'
    } catch (error) {
      return (error as Failure).code
    }
  })
  const done = members.map((steps, at) => codeOf(write(storage, (session) => perform(session, steps, at))))
  expect(await Promise.all(done)).toEqual(codes)
  const found = await rows(storage, 'select id, name from person order by id')
  const wanted = [...expected].sort(([a], [b]) => a - b).map(([id, name]) => ({ id: key(id), name }))
  expect(found).toEqual(wanted)
  return expected
}

export function exerciseGroups(open: OpenStorage): void {
  test('any writes at the same time do what they would do one after another, and the log tells all of it', async () => {
    const { storage } = await open({ writers: 1 })
    let state: Rows = new Map()
    await fc.assert(
      fc.asyncProperty(fc.array(member, { minLength: 1, maxLength: 10 }), async (members) => {
        state = await check(storage, members, state)
      }),
      // A failure is not shrunk: each run goes on from the state that the one before it left.
      { numRuns: 150, endOnFailure: true },
    )
    const told = new Map<unknown, unknown>()
    for (const { entries } of await wholeLog(storage)) {
      for (const {
        operation,
        key: { id },
        row,
        previous,
      } of entries) {
        if (operation === 'update') expect(previous).toEqual(row.name === told.get(id) ? {} : { name: told.get(id) })
        if (operation === 'delete') expect(row.name).toBe(told.get(id))
        if (operation === 'delete') told.delete(id)
        else told.set(id, row.name)
      }
    }
    expect([...told].sort()).toEqual([...state].map(([id, name]) => [key(id), name]).sort())
  })
}
