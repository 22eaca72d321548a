import type { Config } from '../runtime/index.ts'
import type { Schema } from '../schema/index.ts'

/** What one check has found. */
export interface Finding {
  check: string
  status: 'ok' | 'warn' | 'fail'
  /** What is so. */
  found: string
  /** What to do about it; absent when it is ok. */
  remedy?: string
}

/** What checks look at. */
export interface Patient {
  config: Config
  /** Undefined in an app without models. */
  schema: Schema | undefined
}

export const ok = (check: string, found: string): Finding => ({ check, status: 'ok', found })
export const warn = (check: string, found: string, remedy: string): Finding => ({
  check,
  status: 'warn',
  found,
  remedy,
})
export const fail = (check: string, found: string, remedy: string): Finding => ({
  check,
  status: 'fail',
  found,
  remedy,
})

/** A check that breaks is a finding too. */
export async function carefully(check: string, look: () => Finding[] | Promise<Finding[]>): Promise<Finding[]> {
  try {
    return await look()
  } catch (error) {
    return [fail(check, error instanceof Error ? error.message : String(error), 'See the message.')]
  }
}
