import type { WriteTurns } from '../storage/index.ts'
import type { WorkerMessage } from './supervisor-messages.ts'

/**
 * The turn to write, as one of several processes has it.
 *
 * none → asked (`want turn`) → held and in use ⇄ held and idle → none (`give turn`)
 *
 * It is kept while nobody else wants it, so that a process which writes alone asks once. A process that dies has given it.
 */
export class SupervisedTurns implements WriteTurns {
  readonly #tell: (message: WorkerMessage) => void
  #state: 'none' | 'asked' | 'used' | 'idle' = 'none'
  #isWanted = false
  #granted: (() => void) | undefined

  constructor(tell: (message: WorkerMessage) => void) {
    this.#tell = tell
  }

  take(granted: () => void): boolean {
    if (this.#state === 'used' || this.#state === 'idle') {
      this.#state = 'used'
      return true
    }
    this.#granted = granted
    if (this.#state === 'none') this.#tell({ kind: 'want turn' })
    this.#state = 'asked'
    return false
  }

  give(refused: boolean): void {
    if (this.#state !== 'used') return
    this.#state = 'idle'
    if (refused || this.#isWanted) this.#giveBack(refused)
  }

  /** The supervisor says that it is this process's turn. */
  arrived(): void {
    if (this.#state !== 'asked') return
    this.#state = 'used'
    this.#granted?.()
    this.#granted = undefined
  }

  /** The supervisor says that another process waits. */
  wanted(): void {
    this.#isWanted = true
    if (this.#state === 'idle') this.#giveBack(false)
  }

  #giveBack(refused: boolean): void {
    this.#state = 'none'
    this.#isWanted = false
    this.#tell({ kind: 'give turn', refused })
  }
}
