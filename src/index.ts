export { type ErrorCode, type ErrorOptions, errorTable, MonoblocError, type Violation } from './errors.ts'
