import { type ColumnType, decimalText } from '../../schema/index.ts'

/** What a trigger wrote, as JSON has it. */
export function loggedValue(type: ColumnType, value: unknown): unknown {
  switch (type.type) {
    case 'boolean':
      return value === 1
    case 'decimal':
      return decimalText(BigInt(value as number | string), type.scale)
    case 'float':
      return Number(value)
    case 'json':
      return JSON.parse(value as string)
    case 'bytes':
      return Buffer.from(value as string, 'hex').toString('base64')
    default:
      return value
  }
}
