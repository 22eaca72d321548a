import { styleText } from 'node:util'
import { errorTable, type MonoblocError } from '../errors.ts'
import type { Config } from './config.ts'
import type { Address } from './listening.ts'

type Paint = (style: Parameters<typeof styleText>[0], text: string) => string

/** Colours where the stream is a terminal and NO_COLOR is not set. */
export function painter(colour: boolean): Paint {
  return (style, text) => (colour ? styleText(style, text, { validateStream: false }) : text)
}

export function wantsColour(stream: { isTTY?: boolean } = process.stdout): boolean {
  return stream.isTTY === true && !process.env.NO_COLOR && process.env.TERM !== 'dumb'
}

/** Where to look, for a person. */
export function banner(
  name: string,
  address: Address,
  config: Config,
  links: [string, string][],
  colour: boolean,
): string {
  const paint = painter(colour)
  const width = Math.max(...links.map(([label]) => label.length), 4)
  const rows = links.map(([label, value]) => `  ${paint('dim', label.padEnd(width))}  ${value}`)
  const head = `  ${paint('bold', name)} is ready at ${paint('cyan', `${address.url}/`)} ${paint('dim', `(${config.mode})`)}`
  return `\n${[head, ...(rows.length > 0 ? ['', ...rows] : [])].join('\n')}\n\n`
}

/** Why it did not start, for a person: every problem on a line of its own, and what to do. */
export function startFailure(error: unknown, colour: boolean): string {
  const paint = painter(colour)
  if (!isMonoblocError(error)) {
    return `${paint('red', 'It did not start.')}\n${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`
  }
  const { message, remedy } = errorTable[error.code]
  const { violations } = error
  if (violations.length === 0) return `${paint('red', message)} ${error.message.slice(message.length).trim()}\n`
  const width = Math.min(20, Math.max(...violations.map(({ path }) => path.join('.').length)))
  const rows = violations.map((violation) => {
    const lines = violation.message.replaceAll('\n', `\n${' '.repeat(width + 4)}`)
    return `  ${paint('bold', violation.path.join('.').padEnd(width))}  ${lines}`
  })
  return `${[paint('red', `${message.slice(0, -1)}:`), ...rows, remedy].join('\n')}\n`
}

/** By its shape: an app may have loaded another copy of this package than the command that runs it. */
function isMonoblocError(error: unknown): error is MonoblocError {
  return error instanceof Error && error.name === 'MonoblocError' && (error as { code?: string }).code! in errorTable
}
