import { describe, expect, test } from 'vitest'
import type { Command } from './command.ts'
import { parseCommandLine } from './command-line.ts'

const sample = (name: string, takesApp: boolean): Command => ({
  name,
  summary: '',
  takesApp,
  about: '',
  options: {
    port: { type: 'string', value: 'number', help: '' },
  },
  exits: {},
  run: async () => 0,
})
const start = sample('start', true)
const list = sample('list', false)
const move: Command = {
  ...sample('move', true),
  operands: [{ name: 'verb', help: '', choices: { plan: '', apply: '' } }],
  options: {
    yes: { type: 'boolean', only: ['apply'], help: '' },
    to: { type: 'string', value: 'shape', choices: ['a', 'b'], help: '' },
  },
}
const ask: Command = { ...sample('ask', true), operands: [{ name: 'sql', help: '', optional: true }] }
const parse = (line: string) => parseCommandLine(line.split(' ').filter(Boolean), [start, list, move, ask])

describe('a command line', () => {
  test.each([
    ['start', undefined, {}],
    ['start app.ts', 'app.ts', {}],
    ['start --port 80 app.ts --json', 'app.ts', { port: '80', json: true }],
    ['start app.ts --port=0', 'app.ts', { port: '0' }],
    ['start -- --odd.ts', '--odd.ts', {}],
    ['--json start', undefined, { json: true }],
  ])('%s is understood', (line, app, options) => {
    expect(parse(line)).toEqual({ kind: 'run', command: start, words: [], app, options })
  })
  test.each([
    ['move plan', ['plan'], undefined],
    ['move apply app.ts --yes --to b', ['apply'], 'app.ts'],
    ['ask', [], undefined],
    ['ask app.ts', [], 'app.ts'],
    ['ask select app.ts', ['select'], 'app.ts'],
  ])('%s takes its words before the app', (line, words, app) => {
    expect(parse(line)).toMatchObject({ kind: 'run', words, app })
  })
  test('a word with spaces is no program', () => {
    expect(parseCommandLine(['ask', 'select * from a.ts'], [ask])).toMatchObject({ words: ['select * from a.ts'] })
  })
  test.each([
    ['', undefined],
    ['--help', undefined],
    ['-h', undefined],
    ['help', undefined],
    ['start --help', start],
    ['start -h', start],
    ['help start', start],
  ])('%j asks for help', (line, command) => {
    expect(parse(line)).toEqual({ kind: 'help', command })
  })
  test.each(['--version', '-v', 'start --version'])('%s asks for the version', (line) => {
    expect(parse(line)).toEqual({ kind: 'version' })
  })
  test.each([
    ['strat', 'There is no command "strat"; did you mean start?'],
    ['zzz', 'There is no command "zzz"'],
    ['start --prot 1', 'There is no option --prot; did you mean --port?'],
    ['start --zzz', 'There is no option --zzz'],
    ['start -x', 'There is no option -x'],
    ['--zzz', 'There is no option --zzz'],
    ['start --port', '--port needs a value: --port=number'],
    ['start --port=', '--port needs a value: --port=number'],
    ['start --json=yes', '--json takes no value'],
    ['start a.ts b.ts', 'start does not take "b.ts"'],
    ['list a.ts', 'list does not take "a.ts"'],
    ['move', 'move needs one of plan, apply'],
    ['move aply', 'move does not take "aply"; did you mean apply?'],
    ['move zzzzz', 'move does not take "zzzzz" (it is one of plan, apply)'],
    ['move plan --yes', '--yes is for apply'],
    ['move plan --to c', '--to is one of a, b'],
    ['move plan a.ts b.ts', 'move does not take "b.ts"'],
  ])('%s is refused with what is wrong', (line, problem) => {
    expect(parse(line)).toMatchObject({ kind: 'wrong', problem })
  })
})
