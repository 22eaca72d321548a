import { parseArgs } from 'node:util'

export interface Wishes {
  /** Where the app goes; undefined: to be asked for. */
  folder: string | undefined
  install: boolean | undefined
  git: boolean | undefined
  /** A version, or the path of a tarball. */
  monobloc: string | undefined
  yes: boolean
}

export type Line =
  | { kind: 'create'; wishes: Wishes }
  | { kind: 'help' }
  | { kind: 'version' }
  | { kind: 'wrong'; problem: string }

export const help = `Usage: npm create monobloc [folder] -- [options]

Makes a backend that runs, is typed and tested, in a new folder. On a terminal it asks for what is not said.

Options:
  --no-install          Leave the installation to you.
  --no-git              Make no git repository.
  --monobloc <version>  Which Monobloc: a version, or a tarball. Default: the one of this program.
  -y, --yes             Ask nothing.
  -h, --help            Print this help.
  -v, --version         Print the version.

Exit codes:
  0   It is there.
  1   The installation failed; the files are there.
  64  The command line is not understood.
  73  The folder can't be made, or has something in it.
  78  This Node.js is too old.
  130 Interrupted at a question; nothing was made.
`

const options = {
  install: { type: 'boolean' },
  git: { type: 'boolean' },
  monobloc: { type: 'string' },
  yes: { type: 'boolean', short: 'y' },
  help: { type: 'boolean', short: 'h' },
  version: { type: 'boolean', short: 'v' },
} as const

export function readArguments(args: string[]): Line {
  try {
    const { values, positionals } = parseArgs({ args, options, allowPositionals: true, allowNegative: true })
    if (values.version) return { kind: 'version' }
    if (values.help) return { kind: 'help' }
    const [folder, ...more] = positionals
    if (more.length > 0) return { kind: 'wrong', problem: `One folder is enough: ${more.join(' ')}` }
    const { install, git, monobloc, yes = false } = values
    return { kind: 'create', wishes: { folder, install, git, monobloc, yes } }
  } catch (error) {
    return { kind: 'wrong', problem: (error as Error).message }
  }
}
