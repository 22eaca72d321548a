/**
 * An entry as its writer knows it: `insert item 7.1`. The note is in the row, and no other write has it; of a delete it is
 * the note of the version that went.
 */
export type Change = string

export function changeOf(operation: string, table: string, note: string): Change {
  return operation === 'empty' ? `empty ${table}` : `${operation} ${table} ${note}`
}

/** What one position of the log must hold: the changes of a unit, or of an outside transaction. */
export interface Unit {
  changes: Change[]
  /** The actor that its row names; of an outside one undefined. */
  actor: string | undefined
  /** Transactions whose commits it has seen before its own row was written. */
  saw: string[]
}

/** What one writer's transaction did, as its client knows it. Times are of one monotonic clock, in milliseconds. */
export interface Transaction {
  id: string
  /** Before BEGIN was sent. */
  begun: number
  /** After COMMIT was answered; Infinity when it was not. */
  ended: number
  outcome: 'committed' | 'rolled back' | 'unknown'
  /** In the order in which they ran; those without a change are left out. */
  units: Unit[]
}
