/** Where a command writes. Results go to `out`; what goes wrong, and what is only said in passing, to `err`. */
export interface Terminal {
  out: (text: string) => void
  err: (text: string) => void
  /** Whether `out` takes colours. */
  colour: boolean
  /** Where the command was called. */
  folder: string
  /**
   * Long work, on `err`: a line that is drawn anew on a terminal, a line for each tenth elsewhere, nothing with `--json`.
   *
   *   const copied = terminal.progress('Copying article', rows)
   *   copied(1000)
   *
   * @param total of whatever is counted; the line ends when it is reached
   */
  progress: (label: string, total: number) => (done: number) => void
}

export interface OptionSpec {
  type: 'string' | 'boolean'
  /** What its value is called in the help. */
  value?: string
  /** The only values it takes. */
  choices?: readonly string[]
  /** The choices of the first operand that take it. Default: all. */
  only?: readonly string[]
  help: string
}

export type OptionValues = Record<string, string | boolean | undefined>

/** A word after the command's name, before the app: `plan` in `monobloc migrate plan app.ts`. */
export interface Operand {
  /** What it is called in the usage. */
  name: string
  help: string
  /** The only words it may be, each with a line of help. */
  choices?: Record<string, string>
  /** Then a word that ends like the file of a program is the app: `monobloc db app.ts`. */
  optional?: boolean
}

/** One file `command-NAME.ts` each, listed in `commands.ts`. What only `run` needs is imported there, on use. */
export interface Command {
  name: string
  /** One line, for the list of commands. */
  summary: string
  operands?: readonly Operand[]
  /** Whether it takes the file of an app, after its operands. */
  takesApp: boolean
  /** What it does, exactly, and what it prints with `--json`: paragraphs under the usage. */
  about: string
  /** Beside `--json`, `--help` and `--version`, which every command has. */
  options: Record<string, OptionSpec>
  /** Exit codes besides 0, 64 and those of a start that failed, by number. */
  exits: Record<number, string>
  /**
   * @param words its operands, in order
   * @returns the exit code, or undefined when the process goes on and ends by itself
   */
  run(
    options: OptionValues,
    app: string | undefined,
    terminal: Terminal,
    words: readonly string[],
  ): Promise<number | undefined>
}
