/** Where a command writes. Results go to `out`; what goes wrong, and what is only said in passing, to `err`. */
export interface Terminal {
  out: (text: string) => void
  err: (text: string) => void
  /** Whether `out` takes colours. */
  colour: boolean
  /** Where the command was called. */
  folder: string
}

export interface OptionSpec {
  type: 'string' | 'boolean'
  /** What its value is called in the help. */
  value?: string
  help: string
}

export type OptionValues = Record<string, string | boolean | undefined>

export interface Command {
  name: string
  /** One line, for the list of commands. */
  summary: string
  /** Whether it takes the file of an app. */
  takesApp: boolean
  /** What it does, exactly: paragraphs under the usage. */
  about: string
  options: Record<string, OptionSpec>
  /** Exit codes besides 0, 64 and those of a start that failed, by number. */
  exits: Record<number, string>
  /** @returns the exit code, or undefined when the process goes on and ends by itself */
  run(options: OptionValues, app: string | undefined, terminal: Terminal): Promise<number | undefined>
}
