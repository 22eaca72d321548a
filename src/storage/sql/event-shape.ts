import type { ColumnType } from '../../schema/index.ts'
import type { LoggedEvent } from '../storage.ts'
import { type LogShape, operationCodes, shapeId } from './log-shape.ts'

/** The name under which events stand in the log. There is no table of that name. */
export const eventTable = 'monobloc_event'

const json: ColumnType = { type: 'json' }

/** How an event reads as an entry of the log: as the insert of a row. */
export const eventShape: LogShape = {
  table: eventTable,
  columns: [
    { name: 'id', type: { type: 'uuid' } },
    { name: 'name', type: { type: 'text' } },
    { name: 'version', type: { type: 'integer' } },
    { name: 'data', type: json },
  ],
  key: ['id'],
  secret: [],
}

const id = shapeId(eventShape)

/** Is the shape there, and with one value, the entry's `row`: its appending. Both engines know the text. */
export const isEventShapeThere = `select count(*) as n from monobloc_shape where id = ${id}`

/** @param place of the one value: `?` or `$1` */
export function eventInsert(place: string): string {
  return `insert into monobloc_log (shape, operation, row) values (${id}, ${operationCodes.insert}, ${place})`
}

/** Values by place, as the triggers of an engine write them. @param data as the engine's triggers write a document */
export function eventRow({ id, name, version }: LoggedEvent, data: unknown): string {
  return JSON.stringify([id, name, version, data])
}
