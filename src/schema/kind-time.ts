import { expectedValue, filterValue } from './filter-value.ts'
import { instantText } from './instant.ts'
import type { ColumnType, Kind } from './kind.ts'

function timeKind(type: ColumnType & { type: 'date' | 'timestamp' }, format: string): Kind {
  return {
    ordered: true,
    column: () => type,
    reader: () => (value, refuse) =>
      filterValue(type, value) ?? refuse(`invalid_${type.type}`, `must be ${expectedValue(type)}`),
    jsonSchema: () => ({ type: 'string', format }),
  }
}

export const date: Kind = timeKind({ type: 'date' }, 'date')

export const timestamp: Kind = {
  ...timeKind({ type: 'timestamp' }, 'date-time'),
  toJson: instantText,
}
