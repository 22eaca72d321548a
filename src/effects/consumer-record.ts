import { model, t } from '../schema/index.ts'

/** One consumer of the log. Times are milliseconds since 1970. */
export const ConsumerRecord = model(
  'monobloc_consumer',
  {
    name: t.text(),
    /** Everything up to this transaction is done. */
    position: t.integer(),
    /** And of the transaction behind it, the entries up to this number. */
    sequence: t.integer(),
    state: t.enum('running', 'paused', 'lost'),
    /** Who may move it: grows whenever another process takes it over, or somebody moves it from outside. */
    fence: t.integer(),
    /** The process that runs it; null: none. */
    owner: t.text().nullable(),
    /** Until when it is the owner's. */
    lease: t.integer(),
    /** How often what comes next has failed. */
    attempts: t.integer(),
    /** When it is tried again. */
    retry: t.integer(),
    /** With what it failed last. */
    error: t.text().nullable(),
    /** When a process last ran it. */
    seen: t.integer(),
  },
  { key: ['name'] },
)

/** An entry of the log that a consumer was told to leave out. */
export const SkippedRecord = model(
  'monobloc_skipped',
  {
    id: t.id(),
    consumer: t.text(),
    position: t.integer(),
    sequence: t.integer(),
    /** The entry as JSON: what was left out, when the log has long forgotten it. */
    entry: t.text(),
    attempts: t.integer(),
    error: t.text().nullable(),
    at: t.integer(),
  },
  { indexes: [['consumer', 'at']] },
)

/** An event that was given to a subscriber which handles several side by side, until it has been handled. */
export const DeliveryRecord = model(
  'monobloc_delivery',
  {
    consumer: t.text(),
    /** Its entry in the log: events of one key are handled in this order. */
    sequence: t.integer(),
    position: t.integer(),
    key: t.text(),
    /** As JSON. */
    event: t.text(),
    at: t.integer(),
    trace: t.text().nullable(),
    attempts: t.integer(),
    retry: t.integer(),
    error: t.text().nullable(),
  },
  { key: ['consumer', 'sequence'] },
)
