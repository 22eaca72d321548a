import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { codeBlocks } from './code-blocks.ts'
import { isExpected } from './expected-output.ts'
import { PagePlanner } from './page-plan.ts'
import { runPage, writePage } from './page-run.ts'
import { parseShell } from './shell-block.ts'

const build = path.join(import.meta.dirname, '../../build')
let root: string
beforeEach(() => {
  mkdirSync(build, { recursive: true })
  root = mkdtempSync(path.join(build, 'page-'))
  // Stands for `monobloc start FILE`: a server from the default export of a file.
  writeFileSync(
    path.join(root, 'command.mjs'),
    `import { createServer } from 'node:http'
     const { default: answer } = await import(process.cwd() + '/' + process.argv[3])
     const server = createServer((request, response) => answer(request, response))
     server.listen(Number(process.env.PORT), () => console.log('http://localhost:' + server.address().port))`,
  )
})
afterEach(() => rmSync(root, { recursive: true }))

/** A page: text and blocks, with `'''` for the fence. */
async function run(page: string): Promise<void> {
  const plan = new PagePlanner(page.replaceAll("'''", '```').replaceAll(/^ {6}/gm, '')).plan()
  writePage(plan, root)
  await runPage(plan, { root, command: [path.join(root, 'command.mjs')], bin: root })
}

const app = `
      <!-- file: app.ts -->
      '''ts
      import type { IncomingMessage, ServerResponse } from 'node:http'
      let n = 0
      export default (request: IncomingMessage, response: ServerResponse) => {
        response.setHeader('x-id', '123').end(JSON.stringify({ url: request.url, n: ++n, at: 'http://' + request.headers.host }))
      }
      '''
`

describe('a page that is right passes', () => {
  test('programs, their output, and files that later blocks import, add to and show again', async () => {
    await run(`
      <!-- file: count.ts -->
      '''ts
      export const count: number = 2
      '''
      '''ts
      import { count } from './count.ts'
      console.log({ count }) // => { count: 2 }
      '''
      <!-- append: count.ts -->
      '''ts
      export const more = count + 1
      '''
      '''js
      import { more } from './count.ts'
      console.log(more) // => 3
      '''
      <!-- file: count.ts -->
      '''ts
      export const count = 5
      '''
      '''ts
      import { count } from './count.ts'
      console.log(count) // => 5
      '''
      '''json
      { "a": 1 }
      '''
      '''text
      anything
      '''
    `)
  })
  test('an app answers requests and commands under the address that the page shows', async () => {
    await run(`${app}
      '''http
      GET /a

      # 200 OK
      # X-Id: 1…
      #
      # {"url": "/a", "n": 1, ...}
      ###
      POST /b
      Content-Type: application/json

      {}

      # 200
      '''
      '''sh
      # a comment
      curl -s localhost:3000/c
      # {"url": "/c", "n": 3,
      #  "at": "http://localhost:3000"}

      N=$(curl -s \\
        'http://localhost:3000/d')
      '''
      '''sh
      echo "$N"
      # {"url":"/d",…}
      false
      # exit 1
      '''
      '''ts
      const response = await fetch('http://localhost:3000/e')
      console.log(response.status) // => 200
      '''
    `)
  })
  test('an app that is shown again answers in its new form, one that a command starts too', async () => {
    await run(`${app}
      '''sh
      NODE_ENV=production npx monobloc start app.ts
      curl -s localhost:3000/a
      # {… "n":1 …}
      '''
      <!-- file: app.ts -->
      '''ts
      import type { ServerResponse } from 'node:http'
      export default (_: unknown, response: ServerResponse) => response.end('second')
      '''
      '''sh
      curl -s localhost:3000/a
      # second
      '''
      '''ts
      import { createServer } from 'node:http'
      const server = createServer((_, response) => response.end('third')).listen(Number(process.env.PORT), () => {
        console.log('http://localhost:' + (server.address() as { port: number }).port)
      })
      '''
      '''http
      GET /

      # 200
      #
      # third
      '''
    `)
  })
})

describe('a page that is wrong fails', () => {
  test.each([
    ['a program that throws', "'''ts\nthrow new Error('no')\n'''", 'line 2: block-2.ts ended with 1'],
    ['a program that prints something else', "'''ts\nconsole.log(1) // => 2\n'''", 'printed something else'],
    ['JSON that is none', "'''json\n{ a: 1 }\n'''", 'line 2:'],
    ['a command that fails', "'''sh\nfalse\n'''", 'ended with 1'],
    ['a command that should fail and does not', "'''sh\ntrue\n# exit 1\n'''", 'ended with 0'],
    ['a command that prints something else', "'''sh\necho a\n# b\n'''", 'the page shows:'],
    ['a shell that a block ends', "'''sh\nexit 0\n'''", 'the shell ended'],
    ['an app that nothing exercises', app, 'is not exercised'],
    ['an app that is replaced before anything exercises it', `${app}${app}`, 'is not exercised'],
    ['another status', `${app}'''http\nGET /\n\n# 404\n'''`, 'GET /:'],
    ['another header', `${app}'''http\nGET /\n\n# 200\n# X-Id: 9\n'''`, 'GET /: X-Id'],
    ['another body', `${app}'''http\nGET /\n\n# 200\n#\n# {}\n'''`, 'the page shows:'],
    ['a request without its answer', `${app}'''http\nGET /\n'''`, 'has no answer'],
    ['a request without an app', "'''http\nGET /\n\n# 200\n'''", 'no block above shows an app'],
    [
      'an app that does not start',
      "'''ts\nexport default 1\nthrow new Error('no')\n'''\n'''http\nGET /\n\n# 200\n'''",
      'before it printed an address',
    ],
    ['a block without a language', "'''\na\n'''", 'must say its language'],
    ['a ts block that wants not to run', "<!-- run: none, because I say so -->\n'''ts\n1\n'''", 'only an sh block'],
    [
      'an sh block that does not say why it is not run',
      "<!-- run: none -->\n'''sh\nfalse\n'''",
      'it must give the reason',
    ],
    ['an unknown directive', "<!-- skip: yes -->\n'''ts\n1\n'''", 'unknown directive'],
    ['a file outside the page', "<!-- file: ../a.ts -->\n'''ts\n1\n'''", 'not a file name'],
    ['an addition to nothing', "<!-- append: a.ts -->\n'''ts\n1\n'''", 'no a.ts yet'],
    ['a block that does not end', "'''ts\n1\n", 'not closed'],
  ])('%s', async (_, page, message) => {
    await expect(run(page)).rejects.toThrow(message)
  })
  test('an sh block with a reason is not run', async () => {
    await run("<!-- run: none, the test of the package installs it -->\n'''sh\nfalse\n'''")
  })
})

test('blocks are found in lists and inside longer fences, and a directive belongs to the next block only', () => {
  const text =
    "<!-- file: a.ts -->\n\n  '''ts\n  if (x) {\n    y()\n  }\n  '''\ntext\n''''md\n'''ts\n'''\n''''\n".replaceAll(
      "'",
      '`',
    )
  expect(codeBlocks(text)).toEqual([
    { language: 'ts', text: 'if (x) {\n  y()\n}\n', line: 4, directives: { file: 'a.ts' } },
    { language: 'md', text: '```ts\n```\n', line: 10, directives: {} },
  ])
})

test('commands end with their line, unless a backslash or a quote goes on', () => {
  const commands = parseShell(`a \\\n  b\n# out 1\n# out 2\n\n# comment\nc '{\n  "d": 1\n}' "it's"\ne # f\n# exit 3\n`)
  expect(commands).toEqual([
    { text: 'a \\\n  b', output: 'out 1\nout 2', exitCode: 0 },
    { text: `c '{\n  "d": 1\n}' "it's"`, output: undefined, exitCode: 0 },
    { text: 'e # f', output: undefined, exitCode: 3 },
  ])
})

test('output is compared without white space, and dots stand for anything', () => {
  expect(isExpected('{ "a": [1,\n 2] }', '{"a":[1,2]}')).toBe(true)
  expect(isExpected('{"id": "…", "a": 1}', '{"id":"0197","a":1}')).toBe(true)
  expect(isExpected('{"a": 1, ...}', '{"a":1,"b":{"c":2}}')).toBe(true)
  expect(isExpected('a.c', 'abc')).toBe(false)
  expect(isExpected('a', 'ab')).toBe(false)
  expect(isExpected('b', 'ab')).toBe(false)
})
