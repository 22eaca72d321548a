/** A command of an sh block with what the page shows of its output. */
export interface ShellCommand {
  text: string
  /** The lines `# …` right below it, without the mark. Undefined: the output is not shown. */
  output: string | undefined
  /** From a last line `# exit 78`; otherwise it must be 0. */
  exitCode: number
}

/**
 * A command ends with its line, unless the line ends with a backslash or inside quotes. A line `# …` right below a
 * command is its output; at the top of a block and after an empty line it is a comment.
 */
export function parseShell(text: string): ShellCommand[] {
  const commands: ShellCommand[] = []
  let open = ''
  let last: ShellCommand | undefined
  for (const line of text.split('\n')) {
    if (!open && line.trim() === '') {
      last = undefined
    } else if (!open && line.startsWith('#')) {
      if (last) addOutput(last, line.replace(/^# ?/, ''))
    } else {
      open += `${line}\n`
      if (isOpen(open)) continue
      last = { text: open.trim(), output: undefined, exitCode: 0 }
      commands.push(last)
      open = ''
    }
  }
  if (open) throw new Error(`a command does not end: ${open}`)
  return commands
}

function addOutput(command: ShellCommand, line: string): void {
  const exit = /^exit (\d+)$/.exec(line)
  if (exit) command.exitCode = Number(exit[1])
  else command.output = command.output === undefined ? line : `${command.output}\n${line}`
}

function isOpen(text: string): boolean {
  if (/\\\n$/.test(text)) return true
  let quote = ''
  for (let at = 0; at < text.length; at++) {
    const mark = text[at]!
    if (mark === '\\' && quote !== "'") at++
    else if (quote) quote = mark === quote ? '' : quote
    else if (mark === '"' || mark === "'") quote = mark
  }
  return quote !== ''
}
