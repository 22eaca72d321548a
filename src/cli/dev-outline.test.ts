import { backend, define, model, t } from 'monobloc'
import { expect, test } from 'vitest'
import { outlineChanges, outlineOf } from './dev-outline.ts'

function outline(extra: object, path: `/${string}` = '/notes', anyone = true) {
  const User = model('user', { id: t.id(), name: t.text() })
  const Note = model('note', { id: t.id(), author: t.ref(User).onDelete('cascade'), ...extra })
  const { endpoint } = define({ models: { User, Note }, user: User })
  return outlineOf(backend({ serve: [endpoint(`GET ${path}`, { anyone, handle: () => 1 })] }))
}

test('two runs of one app have nothing between them', () => {
  const text = { text: t.text() }
  expect(outlineChanges(outline(text), outline(text))).toEqual([])
})
test('names what is new, gone and different in routes and schema', () => {
  const before = outline({ text: t.text(), price: t.decimal(8, 2), kind: t.enum('a', 'b') })
  const after = outline(
    { text: t.text().nullable(), title: t.text().unique().default('x'), kind: t.enum('a', 'c') },
    '/all',
  )
  expect(outlineChanges(before, after).map(({ part, sign, name, text }) => `${part} ${sign} ${name} ${text}`)).toEqual([
    'routes - GET /notes anyone, read',
    'routes + GET /all anyone, read',
    'schema - note.price decimal(8, 2)',
    'schema ~ note.text text ⇒ text, nullable',
    'schema + note.title text, default "x"',
    'schema ~ note.kind enum(a, b) ⇒ enum(a, c)',
    'schema + index note-title-unique unique (title)',
  ])
})
test('a route whose access changes is different', () => {
  const changes = outlineChanges(outline({}), outline({}, '/notes', false))
  expect(changes).toEqual([{ part: 'routes', sign: '~', name: 'GET /notes', text: 'anyone, read ⇒ user, read' }])
})
