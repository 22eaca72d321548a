import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { Definition } from '../../src/access/index.ts'
import { model, t } from '../../src/schema/index.ts'
import {
  Comment,
  type Data,
  Like,
  Note,
  openUnits,
  Report,
  Sealed,
  Tag,
  type UnitFixture,
  User,
} from './unit-fixture.ts'
import { openPeople, outcome, type People } from './unit-people.ts'

// What users write: in whose name, how far a change reaches, what comes back of it, and what it may refer to.

let fixture: UnitFixture<Data>
let people: People['people']
let ids: People['ids']
let can: People['can']
let sees: People['sees']

beforeEach(async () => {
  ;({ fixture, people, ids, can, sees } = await openPeople())
})
afterEach(() => fixture.close())

describe('what is written', () => {
  test('nobody can write in the name of another, or give a row away', async () => {
    expect(await can('bob', (db) => db.insert(Note, { title: 'x', owner: people.ann.id }))).toBe('forbidden')
    expect(await can('ann', (db) => db.update(Note, ids.open, { owner: people.bob.id }))).toBe('forbidden')
    expect(await can('ann', (db) => db.update(Note, { where: {} }, { owner: people.bob.id }))).toBe('forbidden')
    expect(
      await can('bob', (db) =>
        db.upsert(User, { match: ['name'], insert: { name: 'ann' }, update: { role: 'admin' } }),
      ),
    ).toBe('forbidden')
    expect(await can('bob', (db) => db.update(User, people.ann.id, { name: 'x' }))).toBe('forbidden')
    expect(await sees('system', (db) => db.count(Note, { where: { owner: people.ann.id } }))).toBe(2)
  })

  test('a refusal undoes the write, and the transaction goes on', async () => {
    await fixture.write(people.ann, async (db) => {
      expect(await outcome(db.update(Note, ids.open, { title: 'lost', owner: people.bob.id, tags: [] }))).toBe(
        'forbidden',
      )
      expect(await outcome(db.insert(Note, { title: 'lost', owner: people.bob.id, tags: [ids.tag] }))).toBe('forbidden')
      expect(
        await outcome(
          db.insert(Note, [
            { title: 'lost', owner: people.ann.id },
            { title: 'lost', owner: people.bob.id },
          ]),
        ),
      ).toBe('forbidden')
      await db.update(Note, ids.secret, { title: 'kept' })
    })
    const all = await sees('system', (db) => db.find(Note, { sort: 'title', include: { tags: true } }))
    expect(all.map(({ title, tags }) => [title, tags.length])).toEqual([
      ['bob only', 0],
      ['kept', 2],
      ['open letter', 1],
    ])
    expect((await fixture.log()).at(-1)!.entries.map(({ operation }) => operation)).toEqual(['update'])
  })

  test('changes by a filter reach only what one may change, and say no more', async () => {
    await fixture.write('system', (db) => db.update(Note, ids.bobs, { public: true }))
    expect(await fixture.write(people.ann, (db) => db.update(Note, { where: {} }, { title: 'mine' }))).toBe(2)
    expect(
      await fixture.write(people.ann, (db) => db.update(Note, { where: { title: 'bob only' } }, { title: 'x' })),
    ).toBe(0)
    expect(await fixture.write(people.bob, (db) => db.delete(Note, { where: { owner: people.ann.id } }))).toBe(0)
    // An admin may delete all, of which they see what is public.
    expect(await fixture.write(people.eve, (db) => db.delete(Note, { where: {} }))).toBe(2)
    expect(await sees('system', async (db) => (await db.find(Note)).map(({ title }) => title))).toEqual(['mine'])
  })

  test('rows that may be changed but not read are not there to be changed', async () => {
    expect(await can('ann', (db) => db.update(Report, ids.tag, { text: 'x' }))).toBe('forbidden')
    expect(await can('ann', (db) => db.update(Report, { where: {} }, { text: 'x' }))).toBe('forbidden')
    expect(await can('ann', (db) => db.update(Tag, ids.hidden, { name: 'x' }))).toBe('not_found')
    expect(await fixture.write(people.ann, (db) => db.update(Tag, { where: {} }, { hidden: false }))).toBe(1)
    expect(await sees('system', (db) => db.get(Tag, ids.hidden))).toMatchObject({ name: 'unseen', hidden: true })
  })

  test('what one may write and not read comes back with its key and what was given', async () => {
    const made = await fixture.write(null, (db) => db.insert(Report, { text: 'help' }))
    expect(made).toEqual({ id: expect.any(String), text: 'help' })
    const many = await fixture.write(people.bob, (db) =>
      db.insert(Report, [{ text: 'a' }, { text: 'b', about: people.ann.id }]),
    )
    expect(many).toEqual([
      { id: expect.any(String), text: 'a' },
      { id: expect.any(String), text: 'b', about: people.ann.id },
    ])
    const gone = await fixture.write(people.ann, (db) => db.update(Tag, ids.tag, { hidden: true }))
    expect(gone).toEqual({ id: ids.tag, hidden: true })
    expect(await sees('system', (db) => db.get(Report, made.id))).toMatchObject({ severity: 3 })
  })

  test('an upsert neither finds nor changes what is hidden', async () => {
    const upsert = (name: string, update?: { hidden: boolean }) =>
      can('bob', (db) => db.upsert(Tag, { match: ['name'], insert: { name }, update }))
    expect(await upsert('unseen')).toBe('unique_violation')
    expect(await upsert('unseen', { hidden: false })).toBe('unique_violation')
    expect(await upsert('seen')).toBe('done')
    expect(
      await can('bob', (db) =>
        db.upsert(Note, { match: ['id'], insert: { title: 'x', owner: people.bob.id, id: ids.secret } as never }),
      ),
    ).toBe('validation_failed')
    expect(await can('ann', (db) => db.upsert(Sealed, { match: ['value'], insert: { value: 'x' } }))).toBe('forbidden')
    expect(await sees('system', (db) => db.count(Tag))).toBe(2)
  })

  test('an upsert finds by the value as it is kept', async () => {
    const { id } = await fixture.write(people.bob, (db) =>
      db.upsert(Tag, { match: ['name'], insert: { name: '  SEEN ' } }),
    )
    expect(id).toBe(ids.tag)
  })
})

describe('references', () => {
  const refused = (path: (string | number)[], to = 'tag') => ({
    code: 'reference_not_found',
    violations: [{ path, code: 'reference_not_found', message: `refers to no ${to}` }],
  })
  test('to what is hidden are answered as to what is not there', async () => {
    const missing = '0199d7a2-5b6e-7abc-8def-0123456789ab'
    for (const key of [ids.hidden, missing]) {
      const write = (work: (db: Data) => Promise<unknown>) => fixture.write(people.ann, work)
      const owner = people.ann.id
      await expect(write((db) => db.insert(Note, { title: 'x', owner, tags: [ids.tag, key] }))).rejects.toMatchObject(
        refused(['tags', 1]),
      )
      await expect(
        write((db) =>
          db.insert(Note, [
            { title: 'x', owner },
            { title: 'x', owner, tags: [key] },
          ]),
        ),
      ).rejects.toMatchObject(refused(['tags', 0]))
      await expect(write((db) => db.update(Note, ids.open, { tags: [key] }))).rejects.toMatchObject(
        refused(['tags', 0]),
      )
      await expect(write((db) => db.update(Note, ids.open, { tags: { add: [ids.tag, key] } }))).rejects.toMatchObject(
        refused(['tags', 1]),
      )
      await expect(write((db) => db.update(Note, { where: {} }, { tags: { add: [key] } }))).rejects.toMatchObject(
        refused(['tags', 0]),
      )
    }
    for (const note of [ids.secret, missing]) {
      await expect(
        fixture.write(people.bob, (db) => db.insert(Comment, { text: 'x', note, author: people.bob.id })),
      ).rejects.toMatchObject(refused(['note'], 'note'))
      await expect(
        fixture.write(people.bob, (db) => db.insert(Like, { note, user: people.bob.id })),
      ).rejects.toMatchObject(refused(['note'], 'note'))
    }
  })

  test('to what may be read are taken; links come and go', async () => {
    const tags = () =>
      sees('system', async (db) =>
        (await db.get(Note, ids.secret, { include: { tags: { sort: 'name' } } })).tags.map(({ name }) => name),
      )
    const change = (patch: object) =>
      fixture.write(people.ann, (db) => db.update(Note, ids.secret, { tags: patch as never }))
    const more = (await fixture.write(people.ann, (db) => db.insert(Tag, { name: 'more' }))).id
    await change({ add: [more] })
    expect(await tags()).toEqual(['more', 'seen', 'unseen'])
    await change({ add: [more], remove: [ids.tag] })
    expect(await tags()).toEqual(['more', 'unseen'])
    await change({ remove: [ids.tag] })
    await change({})
    expect(await tags()).toEqual(['more', 'unseen'])
    await change([ids.tag])
    expect(await tags()).toEqual(['seen'])
    expect(await can('ann', (db) => db.update(Note, ids.secret, { tags: { add: [more], remove: [more] } }))).toBe(
      'validation_failed',
    )
    const entries = (await fixture.log())
      .slice(2)
      .map((one) => one.entries.map(({ table, operation }) => `${operation} ${table}`))
    expect(entries).toEqual([
      ['update note', 'insert note_tags'],
      ['update note', 'delete note_tags', 'insert note_tags'].filter((entry) => entry !== 'insert note_tags'),
      ['update note'],
      ['update note'],
      expect.arrayContaining(['update note', 'delete note_tags', 'insert note_tags']),
    ])
  })
})

describe('a row that others refer to', () => {
  const Owner = model('owner', { id: t.serial(), name: t.text() })
  const Pet = model('pet', {
    id: t.serial(),
    name: t.text(),
    shown: t.boolean().default(false),
    get owner() {
      return t.ref(Owner)
    },
    get vet() {
      return t.ref(Owner).writeOnly().nullable()
    },
  })
  const told = async (who: 'system' | object, work: (db: any) => Promise<unknown>) => {
    const { code, subject, violations }: any = await (fixture as UnitFixture<any>)
      .write(who, work)
      .catch((error: any) => error)
    return [code, subject, violations.map(({ message }: { message: string }) => message)]
  }

  test('is said to be in use, and by what only to whoever may read one of them', async () => {
    await fixture.close()
    const definition = new Definition({ Owner, Pet }, Owner)
    definition.policy(Owner, { read: true, delete: true, update: true })
    definition.policy(Pet, { read: { shown: true } })
    definition.hook(Owner, {
      afterUpdate: ({ db, row }: any) => row.name === 'go' && db.asSystem().delete(Owner, 2),
    })
    fixture = await openUnits<any>(definition)
    const [ann] = await fixture.write('system', async (db: any) => {
      const owners = await db.insert(Owner, [{ name: 'ann' }, { name: 'bob' }, { name: 'vet' }])
      await db.insert(Pet, [
        { name: 'seen', shown: true, owner: owners[0].id, vet: owners[2].id },
        { name: 'hidden', owner: owners[1].id },
      ])
      return owners
    })
    const open = ['pet.owner still refers to it']
    expect(await told('system', (db) => db.delete(Owner, 2))).toEqual(['reference_in_use', 'owner', open])
    expect(await told(ann, (db) => db.delete(Owner, 1))).toEqual(['reference_in_use', 'owner', open])
    expect(await told(ann, (db) => db.delete(Owner, 2))).toEqual(['reference_in_use', 'owner', []])
    expect(await told(ann, (db) => db.delete(Owner, 3))).toEqual(['reference_in_use', 'owner', []])
    expect(await told(ann, (db) => db.delete(Owner, { where: { id: 2 } }))).toEqual(['reference_in_use', 'owner', []])
    expect(await told(ann, (db) => db.update(Owner, 3, { name: 'go' }))).toEqual(['reference_in_use', 'owner', []])
  })
})
