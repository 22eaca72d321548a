import type { Actor } from '../../src/commit/index.ts'
import type { ErrorCode } from '../../src/errors.ts'
import type { Row } from '../../src/schema/index.ts'
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

export type Who = 'ann' | 'bob' | 'eve' | 'nobody' | 'system'

export interface People {
  fixture: UnitFixture<Data>
  people: Record<'ann' | 'bob' | 'eve', Row<typeof User>>
  ids: { secret: string; open: string; bobs: string; tag: string; hidden: string; comment: number; buried: number }
  /** What comes of a write. */
  can(who: Who, work: (db: Data) => Promise<unknown>): Promise<ErrorCode | 'done'>
  sees<T>(who: Who, work: (db: Data) => Promise<T>): Promise<T>
}

/** Ann has a secret and an open note, Bob one of his own; Eve is an admin. One of the two tags is hidden from users. */
export async function openPeople(): Promise<People> {
  const fixture = await openUnits()
  const { people, ids } = await fixture.write('system', async (db) => {
    const [ann, bob, eve] = (await db.insert(User, [
      { name: 'ann', password: 'a-hash' },
      { name: 'bob', password: 'b-hash' },
      { name: 'eve', role: 'admin' },
    ])) as [Row<typeof User>, Row<typeof User>, Row<typeof User>]
    const tag = (await db.insert(Tag, { name: 'seen' })).id
    const hidden = (await db.insert(Tag, { name: 'unseen', hidden: true })).id
    const both = [tag, hidden]
    const secret = await db.insert(Note, {
      title: 'secret plan',
      owner: ann.id,
      code: '1234',
      tags: both,
      mentor: bob.id,
    })
    const open = await db.insert(Note, {
      title: 'open letter',
      owner: ann.id,
      public: true,
      code: '5678',
      score: 7,
      tags: [tag],
    })
    const bobs = await db.insert(Note, { title: 'bob only', owner: bob.id })
    const comment = (await db.insert(Comment, { text: 'nice', note: open.id, author: bob.id })).id
    const buried = (await db.insert(Comment, { text: 'hush', note: secret.id, author: ann.id })).id
    await db.insert(Like, { user: bob.id, note: open.id })
    await db.insert(Sealed, { value: 'x' })
    await db.insert(Report, { text: 'r', severity: 9 })
    return {
      people: { ann, bob, eve },
      ids: { secret: secret.id, open: open.id, bobs: bobs.id, tag, hidden, comment, buried },
    }
  })
  const actor = (who: Who): Actor => (who === 'nobody' ? null : who === 'system' ? 'system' : people[who])
  return {
    fixture,
    people,
    ids,
    can: (who, work) => outcome(fixture.write(actor(who), work)),
    sees: (who, work) => fixture.read(actor(who), work),
  }
}

export async function outcome(work: Promise<unknown>): Promise<ErrorCode | 'done'> {
  try {
    await work
    return 'done'
  } catch (error) {
    return (error as { code: ErrorCode }).code
  }
}
