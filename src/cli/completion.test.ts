import { spawnSync } from 'node:child_process'
import { expect, test } from 'vitest'
import type { Command } from './command.ts'
import { completionScript, type Shell } from './completion.ts'

const commands: Command[] = [
  {
    name: 'move',
    summary: "Don't lose [anything]: really",
    operands: [{ name: 'verb', help: '', choices: { plan: 'Look.', apply: 'Do.' } }],
    takesApp: true,
    about: '',
    options: { to: { type: 'string', value: 'shape', choices: ['old', 'new'], help: 'Where: here.' } },
    exits: {},
    run: async () => 0,
  },
  { name: 'more', summary: '', takesApp: false, about: '', options: {}, exits: {}, run: async () => 0 },
]

const hasShell = (shell: string) => spawnSync(shell, ['-c', 'exit 0']).status === 0

/** What bash offers at the end of this line. */
function offered(line: string): string[] {
  const words = line.split(' ')
  const call = `COMP_WORDS=(${words.map((word) => `'${word}'`).join(' ')}); COMP_CWORD=${words.length - 1}; _monobloc
    printf '%s\\n' "\${COMPREPLY[@]}"`
  const { stdout, stderr, status } = spawnSync('bash', ['-c', `${completionScript('bash', commands)}\n${call}`], {
    encoding: 'utf8',
    cwd: import.meta.dirname,
  })
  expect({ stderr, status }).toEqual({ stderr: '', status: 0 })
  return stdout.split('\n').filter(Boolean)
}

test.each([
  ['monobloc mo', ['move', 'more']],
  ['monobloc --v', ['--version']],
  ['monobloc help mov', ['move']],
  ['monobloc move ', ['plan', 'apply']],
  ['monobloc move plan completion.t', ['completion.test.ts', 'completion.ts']],
  ['monobloc move plan --', ['--to', '--json', '--help']],
  ['monobloc move plan --to n', ['new']],
  ['monobloc more zzz', []],
])('bash completes %s', (line, words) => {
  expect(offered(line).sort()).toEqual(words.sort())
})

// Where a shell is there it reads its script; the text names every word in any case.
test.each(['bash', 'zsh', 'fish'] as Shell[])('the script for %s is well-formed and names every word', (shell) => {
  const script = completionScript(shell, commands)
  for (const word of ['move', 'more', 'plan', 'apply', 'to', 'old', 'new', 'json', 'help'])
    expect(script).toContain(word)
  if (!hasShell(shell)) return
  const { stderr, status } = spawnSync(shell, ['-n'], { input: script, encoding: 'utf8' })
  expect({ stderr, status }).toEqual({ stderr: '', status: 0 })
})
