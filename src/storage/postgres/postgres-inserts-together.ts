import type { Statement } from '../storage.ts'
import type { Answer, Operation } from './postgres-batch.ts'
import type { WriteMember } from './postgres-write-member.ts'

interface Insert {
  member: WriteMember
  operation: Operation
}

/** Inserts of one shape, each of another member, that go to the server as a few statements of many rows. */
export interface InsertGroup {
  readonly statement: Statement
  readonly members: readonly WriteMember[]
  readonly operations: readonly Operation[]
}

/** The inserts of members that share a turn. A statement of many rows costs the server half of what they cost apart. */
export class InsertsTogether {
  readonly #inserts = new Map<Statement, Insert[]>()

  add(member: WriteMember, operation: Operation): void {
    const { statement } = operation
    const found = this.#inserts.get(statement)
    if (found) found.push({ member, operation })
    else this.#inserts.set(statement, [{ member, operation }])
  }

  groups(): InsertGroup[] {
    return [...this.#inserts].map(([statement, inserts]) => ({
      statement,
      members: inserts.map(({ member }) => member),
      operations: inTwos(statement, inserts),
    }))
  }
}

/** In powers of two, so that few statements are prepared for each shape. */
function inTwos(statement: Statement, inserts: readonly Insert[]): Operation[] {
  const operations: Operation[] = []
  for (let from = 0; from < inserts.length; ) {
    const size = 2 ** Math.floor(Math.log2(inserts.length - from))
    const part = inserts.slice(from, from + size).map(({ operation }) => operation)
    operations.push(size === 1 ? part[0]! : together(statement.together!.of(size), part))
    from += size
  }
  return operations
}

function together(statement: Statement, operations: readonly Operation[]): Operation {
  const failed = (error: unknown) => {
    for (const operation of operations) operation.failed(error)
  }
  const done = (answer: Answer) => {
    // A trigger of somebody else's has left a row out, and nobody knows whose.
    if (answer.rows.length !== operations.length) return failed(new Error('a row is missing'))
    for (const [at, row] of answer.rows.entries()) operations[at]!.done({ ...answer, rows: [row], changes: 1 })
  }
  const values = operations.flatMap((operation) => operation.values)
  return { statement, values, maxRows: operations.length, done, failed }
}
