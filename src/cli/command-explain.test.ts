import { mkdtempSync, rmSync, statSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { appSource, Child, command, folderWith } from '../../test/api/child-app.ts'
import { define } from '../http/index.ts'
import { backend, type Explanation, explain, painter } from '../runtime/index.ts'
import { model, t } from '../schema/index.ts'
import { explainReport, readsWhole } from './explain-report.ts'

const User = model('user', { id: t.serial(), name: t.text() })
const Note = model(
  'note',
  {
    id: t.serial(),
    text: t.text(),
    public: t.boolean().default(false),
    owner: t.ref(User, { inverse: 'notes' }),
    deletedAt: t.deletedAt(),
  },
  { indexes: [['owner', 'text']] },
)
const { policy, resource, endpoint } = define({ models: { User, Note }, user: User })
policy(User, { anyone: { read: true } })
policy(Note, { anyone: { read: { public: true } }, read: ({ user }) => ({ owner: user.id }), create: true })
const calls: string[] = []
const app = backend({
  logLevel: 'fatal',
  serve: [
    resource(Note, { at: '/notes', include: ['owner'] }),
    endpoint('GET /count', { anyone: true, handle: ({ db }) => db.asSystem().count(Note) }),
    endpoint('GET /raw', {
      handle: async ({ db }) => (await db.asSystem().sql.selectFrom('note').select('id').limit(1).execute()).length,
    }),
    endpoint('GET /written', { transaction: 'write', handle: () => calls.push('written') }),
    endpoint('POST /written', { anyone: true, handle: () => calls.push('posted') }),
  ],
  async seed(db) {
    const users = await db.insert(User, [{ name: 'ann' }, { name: 'bob' }])
    const note = (n: number) => ({ text: `t${n % 60}`, public: n % 3 === 0, owner: users[n % 2]!.id })
    await db.insert(
      Note,
      Array.from({ length: 2500 }, (_, n) => note(n)),
    )
  },
})

let folder: string
const asked = (what: string, user?: string) =>
  explain(app, what, { folder, environment: { MONOBLOC_DATA: folder }, user })

beforeAll(async () => {
  folder = mkdtempSync(path.join(os.tmpdir(), 'monobloc-explain-'))
  await app.start({ port: 0, folder, environment: { MONOBLOC_DATA: folder } })
  await app.stop()
})
afterAll(() => rmSync(folder, { recursive: true }))

const seen = ({ answer, runs, statements }: Explanation) => [answer?.status, runs, statements.length]

describe('a request is explained', () => {
  test('with its policy as nobody and as a user, its index, and its rows', async () => {
    const nobody = await asked('GET /notes?owner=1&sort=text&limit=10')
    expect(nobody).toMatchObject({
      route: { method: 'GET', path: '/notes', source: 'resource note', transaction: 'read' },
      user: null,
      policy: [{ model: 'note', action: 'read', rule: { public: true } }],
      answer: { status: 200, problem: null },
    })
    const own = await asked('/notes?owner=1&sort=text&limit=10', '1')
    expect(own.policy[0]!.rule).toEqual({ or: [{ public: true }, { owner: 1 }] })
    const plain = await asked('note?owner=1&sort=text&limit=10', '1')
    const [statement] = plain.statements
    expect(statement).toMatchObject({ indexes: ['note-owner-text-index'], scans: [], returned: 1 })
    expect(statement!.plan.join()).toContain('SEARCH')
    expect(statement!.examined).toBeLessThan(2000)
  })

  test('with the table that it reads from end to end, and the index that would help', async () => {
    const { statements, runs } = await asked('note?text=t1', '1')
    expect(statements[0]).toMatchObject({
      scans: [{ table: 'note', suggestion: "model('note', …, { indexes: [['text']] })" }],
      inProcess: false,
    })
    expect(statements[0]!.examined).toBeGreaterThanOrEqual(2500)
    expect([runs, statements.some(readsWhole)]).toEqual(['in a reader process', true])
  })

  test('with what comes with the rows', async () => {
    const { policy: rules, statements } = await asked('GET /notes?include=owner&limit=5', '2')
    expect(rules.map(({ model }) => model)).toEqual(['user', 'note'])
    expect(statements[0]!.tables.sort()).toEqual(['note', 'user'])
  })

  test('of an endpoint of its own, SQL that was written by hand included', async () => {
    expect(seen(await asked('/count'))).toEqual([200, 'in a reader process', 1])
    const raw = await asked('/raw', '1')
    expect(seen(raw)).toEqual([200, 'in a reader process', 1])
    expect(raw.statements[0]!.inProcess).toBe(false)
  })

  test('with the problem that it is answered with', async () => {
    expect((await asked('/notes?colour=red')).answer).toMatchObject({
      status: 400,
      problem: expect.stringMatching(/^invalid_query.*colour/),
    })
    expect((await asked('/raw')).answer).toMatchObject({ status: 401 })
  })

  test('and what could write is not asked', async () => {
    const before = statSync(path.join(folder, 'app.db')).mtimeMs
    const post = await asked('POST /notes', '1')
    expect(seen(post)).toEqual([undefined, null, 0])
    expect(post.policy).toEqual([
      { model: 'note', action: 'read', rule: { or: [{ public: true }, { owner: 1 }] } },
      { model: 'note', action: 'create', rule: true },
    ])
    expect((await asked('DELETE /notes/1', '1')).policy.at(-1)).toEqual({
      model: 'note',
      action: 'delete',
      rule: false,
    })
    for (const what of ['GET /written', 'POST /written'])
      expect(seen(await asked(what, '1'))).toEqual([undefined, null, 0])
    expect([calls, statSync(path.join(folder, 'app.db')).mtimeMs]).toEqual([[], before])
  })

  test.each([
    ['GET /nothing', undefined, /No route is GET \/nothing: monobloc routes lists/],
    ['DELETE /notes', undefined, /\/notes takes .*POST/],
    ['article?x=1', undefined, /"article" is no route, which begins with \/, and no model: user, note/],
    ['/notes', '99', /No user has the key 99/],
    ['/notes', 'x', /No user has the key x/],
  ])('but not %s as %s', async (what, user, message) => {
    await expect(asked(what, user)).rejects.toThrow(message)
  })
})

test('the report says it in lines', () => {
  const statement = { sql: 'select 1', indexes: [], tables: [], returned: 1, milliseconds: 0.5 }
  const text = explainReport(
    {
      route: { method: 'GET', path: '/notes', access: 'policy', transaction: 'read', source: 'resource note' },
      user: '7',
      policy: [
        { model: 'note', action: 'read', rule: { owner: 7 } },
        { model: 'tag', action: 'read', rule: true },
        { model: 'log', action: 'read', rule: false },
      ],
      answer: { status: 200, bytes: 1234, problem: null },
      runs: 'in a reader process',
      statements: [
        { ...statement, plan: ['SEARCH', '  SCAN'], scans: [], examined: 1, inProcess: true },
        { ...statement, plan: ['SCAN'], scans: [{ table: 'note', suggestion: 'M' }], examined: null, inProcess: false },
      ],
    },
    painter(false),
  )
  expect(text.split('\n')).toEqual([
    'route      GET /notes (resource note, access: policy, transaction: read)',
    'as         user 7',
    'policy     read note: {"owner":7}',
    'policy     read tag: every row',
    'policy     read log: no row',
    'answer     200, 1,234 bytes',
    'runs       in a reader process',
    '',
    '1 of 2     at most 1 row is looked at, 1 comes out, 0.5 ms',
    '           SEARCH',
    '             SCAN',
    '           select 1',
    '',
    '2 of 2     over 5,000,000 rows may be looked at, 1 comes out, 0.5 ms, in a reader process',
    '           SCAN',
    'scan       reads all of note; an index would help: M',
    '           select 1',
    '',
  ])
})

test('monobloc explain ends with 78 without a database', async () => {
  const source = appSource(
    'list',
    '',
    `const Note = model('note', { id: t.id() })
     const { endpoint: dataEndpoint } = define({ models: { Note } })
     const list = dataEndpoint('GET /notes', { anyone: true, handle: ({ db }) => db.find(Note) })`,
  )
  const child = new Child([command, 'explain', '/notes', '--json'], { folder: folderWith({ 'app.ts': source }) })
  expect([(await child.exit).code, child.out]).toEqual([78, ''])
  expect(JSON.parse(child.err).error.message).toContain('start the app first')
})
