import { MonoblocError } from '../errors.ts'

/** @throws MonoblocError `configuration_invalid` in production */
export function onlyInDevelopment(command: string): void {
  if (process.env.NODE_ENV !== 'production') return
  throw new MonoblocError('configuration_invalid', {
    detail: `monobloc ${command} is for development, and NODE_ENV is production.`,
    violations: [{ path: ['NODE_ENV'], code: 'invalid', message: `is production, where ${command} is refused` }],
  })
}
