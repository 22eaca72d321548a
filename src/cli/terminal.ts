import { wantsColour } from '../runtime/index.ts'
import type { Terminal } from './command.ts'
import { progressOn } from './progress.ts'

/** The terminal of this process. */
export function processTerminal(json: boolean): Terminal {
  const live = process.stderr.isTTY === true && process.env.TERM !== 'dumb'
  // A line of progress may stand half drawn; what is said next begins a line of its own.
  let open = false
  const err = (text: string) => {
    process.stderr.write(open ? `\n${text}` : text)
    open = false
  }
  const draw = (text: string) => {
    process.stderr.write(text)
    open = !text.endsWith('\n')
  }
  return {
    out: (text) => void process.stdout.write(text),
    err,
    colour: wantsColour() && !json,
    folder: process.cwd(),
    progress: json ? () => () => {} : progressOn({ write: draw, live }),
  }
}
