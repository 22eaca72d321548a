// The scripts hold every word themselves, so that a key press starts no process. They know `monobloc` alone, not `npx
// monobloc`: that would take the completion of npx away.
import type { Command, OptionSpec } from './command.ts'
import { everywhere } from './command-line.ts'

export type Shell = 'bash' | 'zsh' | 'fish'

/** What makes a shell complete `monobloc`. */
export function completionScript(shell: Shell, commands: readonly Command[]): string {
  return { bash, zsh, fish }[shell](commands)
}

const optionsOf = ({ options }: Command): [string, OptionSpec][] =>
  Object.entries({ ...options, json: everywhere.json!, help: everywhere.help! })

/** The words that the first operand may be. */
const verbsOf = ({ operands }: Command): [string, string][] => Object.entries(operands?.[0]?.choices ?? {})

function bash(commands: readonly Command[]): string {
  const cases = commands.map((command) => {
    const options = optionsOf(command).map(([name]) => `--${name}`)
    const verbs = verbsOf(command).map(([name]) => name)
    return `    ${command.name}) options='${options.join(' ')}' verbs='${verbs.join(' ')}' ;;`
  })
  const values = commands.flatMap((command) =>
    optionsOf(command)
      .filter(([, { choices }]) => choices)
      .map(([name, { choices }]) => `    ${command.name}:--${name}) values='${choices!.join(' ')}' ;;`),
  )
  return `_monobloc() {
  local word="\${COMP_WORDS[COMP_CWORD]}" before="\${COMP_WORDS[COMP_CWORD-1]}" command="\${COMP_WORDS[1]}"
  local options='' verbs='' values=''
  COMPREPLY=()
  if [ "$COMP_CWORD" -eq 1 ]; then
    COMPREPLY=($(compgen -W '${commands.map(({ name }) => name).join(' ')} help --help --version' -- "$word"))
    return
  fi
  case "$command" in
${cases.join('\n')}
    help) verbs='${commands.map(({ name }) => name).join(' ')}' ;;
  esac
  case "$command:$before" in
${values.join('\n') || '    *) ;;'}
  esac
  if [ -n "$values" ]; then COMPREPLY=($(compgen -W "$values" -- "$word"))
  elif [[ "$word" == -* ]]; then COMPREPLY=($(compgen -W "$options" -- "$word"))
  elif [ "$COMP_CWORD" -eq 2 ] && [ -n "$verbs" ]; then COMPREPLY=($(compgen -W "$verbs" -- "$word"))
  else COMPREPLY=($(compgen -f -- "$word"))
  fi
}
complete -o filenames -F _monobloc monobloc
`
}

/** A word in single quotes, as bash, zsh and fish read it. */
const quoted = (text: string) => `'${text.replaceAll("'", '’')}'`

function zsh(commands: readonly Command[]): string {
  const described = (entries: [string, string][]) =>
    entries.map(([name, help]) => quoted(`${name.replaceAll(':', '\\:')}:${help}`)).join(' ')
  const cases = commands.map((command) => {
    const options = optionsOf(command).map(([name, { type, value, choices, help }]) => {
      const values = choices ? `:${value}:(${choices.join(' ')})` : `:${value}:_files`
      return quoted(`--${name}[${help.replaceAll(/[[\]]/g, '')}]${type === 'string' ? values : ''}`)
    })
    const rest = `_arguments ${[...options, `'*:file:_files'`].join(' ')}`
    const verbs = verbsOf(command)
    if (verbs.length === 0) return `    ${command.name}) ${rest} ;;`
    return `    ${command.name})
      if (( CURRENT == 2 )) && [[ $words[2] != -* ]]; then
        verbs=(${described(verbs)})
        _describe word verbs
      else
        ${rest}
      fi ;;`
  })
  return `#compdef monobloc
_monobloc() {
  local -a commands verbs
  commands=(${described(commands.map(({ name, summary }) => [name, summary]))})
  if (( CURRENT == 2 )); then
    _describe command commands
    return
  fi
  local name=$words[2]
  shift words
  (( CURRENT-- ))
  case $name in
${cases.join('\n')}
  esac
}
compdef _monobloc monobloc
`
}

function fish(commands: readonly Command[]): string {
  const lines = commands.flatMap((command) => {
    const inside = `-n '__fish_seen_subcommand_from ${command.name}'`
    const verbs = verbsOf(command)
    const known = verbs.map(([name]) => name).join(' ')
    const first = `'__fish_seen_subcommand_from ${command.name}; and not __fish_seen_subcommand_from ${known}'`
    return [
      `complete -c monobloc -n __fish_use_subcommand -f -a ${command.name} -d ${quoted(command.summary)}`,
      ...verbs.map(([name, help]) => `complete -c monobloc -n ${first} -f -a ${name} -d ${quoted(help)}`),
      ...optionsOf(command).map(([name, { type, choices, help }]) => {
        const values = choices ? ` -x -a ${quoted(choices.join(' '))}` : type === 'string' ? ' -r' : ''
        return `complete -c monobloc ${inside} -l ${name}${values} -d ${quoted(help)}`
      }),
    ]
  })
  return `${lines.join('\n')}\n`
}
