import { z } from 'zod'
import type { Kind } from './kind.ts'

const least = Date.parse('0001-01-01T00:00:00.000Z')
const greatest = Date.parse('9999-12-31T23:59:59.999Z')

function inRange(date: Date): boolean {
  const time = date.getTime()
  return time >= least && time <= greatest
}

export const timestamp: Kind = {
  ordered: true,
  column: () => ({ type: 'timestamp' }),
  validator: () =>
    z.union([z.date(), z.iso.datetime({ offset: true })]).transform((value, context) => {
      const date = value instanceof Date ? value : new Date(value)
      if (!inRange(date))
        context.addIssue({
          code: 'custom',
          message: 'must be an instant in the years 0001 to 9999',
          params: { code: 'invalid_timestamp' },
        })
      return date
    }),
  jsonSchema: () => ({ type: 'string', format: 'date-time' }),
  toJson: (value: Date) => value.toISOString(),
}

export const date: Kind = {
  ordered: true,
  column: () => ({ type: 'date' }),
  validator: () => z.iso.date().refine((value) => value >= '0001-01-01', 'must be a day in the years 0001 to 9999'),
  jsonSchema: () => ({ type: 'string', format: 'date' }),
}
