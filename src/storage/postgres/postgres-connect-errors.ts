import { MonoblocError } from '../../errors.ts'

/** Trying again changes nothing until somebody changes the configuration or the server. */
export function isMisconfigured(error: unknown): boolean {
  return (
    error instanceof MonoblocError && (error.code === 'configuration_invalid' || error.code === 'dependency_missing')
  )
}
