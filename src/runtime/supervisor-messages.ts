// What a supervisor and the processes that it has started say to each other. A channel keeps their order, sockets included.
import type { ErrorCode } from '../errors.ts'
import type { Address } from './listening.ts'

export type WorkerMessage =
  /** It wants to be given the connections of an address. */
  | { kind: 'listen'; port: number; host: string }
  /** It serves. `drain`: milliseconds that it gives requests under way when it is told to stop. */
  | { kind: 'ready'; drain: number }
  /** It has a connection; the supervisor's end of it may go. */
  | { kind: 'taken'; id: number }
  /** So many of its connections have ended. */
  | { kind: 'closed'; count: number }
  /** It stops, by itself or because it was told to, and wants no more connections. */
  | { kind: 'leaving' }
  | { kind: 'want turn' }
  /** `refused`: somebody without a turn has locked the database. */
  | { kind: 'give turn'; refused: boolean }

export type SupervisorMessage =
  | { kind: 'listening'; address: Address }
  | { kind: 'not listening'; code: ErrorCode; detail: string }
  /** Comes with the socket. */
  | { kind: 'connection'; id: number; port: number; host: string }
  /** No connection comes after this. */
  | { kind: 'left' }
  /** `patience`: milliseconds that idle connections are kept, where others go on serving. */
  | { kind: 'stop'; patience: number | undefined }
  | { kind: 'turn' }
  /** Another process waits for the turn. */
  | { kind: 'turn wanted' }
  | { kind: 'processes'; ready: number; wanted: number }
