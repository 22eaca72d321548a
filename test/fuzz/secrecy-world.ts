import type { Actor } from '../../src/commit/index.ts'
import {
  Comment,
  Like,
  Note,
  openUnits,
  Report,
  Sealed,
  Tag,
  type UnitFixture,
  User,
} from '../conformance/unit-fixture.ts'

export const key = (number: number) => `0199d7a2-5b6e-7abc-8def-${String(number).padStart(12, '0')}`
export const at = new Date('2026-11-22T10:00:00Z')
const set = { updatedAt: at, version: 1 }

/** Who asks. */
export const askers: Record<string, Actor> = {
  'a user': { id: key(1), name: 'ann', role: 'member', rank: 0 },
  'an admin': { id: key(3), name: 'eve', role: 'admin', rank: 0 },
  nobody: null,
}

/** One of two databases that are alike in what the askers may see, and differ in everything else. */
export async function openWorld(other: boolean): Promise<UnitFixture<any>> {
  const fixture = await openUnits<any>()
  const said = (one: unknown, two: unknown) => (other ? two : one)
  await fixture.write('system', async (db) => {
    await db.insert(User, [
      { id: key(1), name: 'ann', password: said('x', 'y') },
      { id: key(2), name: 'bob', password: said('y', null) },
      { id: key(3), name: 'eve', role: 'admin', password: said(null, 'x') },
    ])
    await db.insert(Tag, [
      { id: key(11), name: 'a' },
      { id: key(12), name: 'b' },
      { id: key(13), name: said('c', 'd'), hidden: true },
      ...(other ? [{ id: key(14), name: 'c', hidden: true }] : []),
    ])
    const seen = { ...set, public: true }
    await db.insert(Note, [
      {
        ...set,
        id: key(21),
        title: 'a',
        owner: key(1),
        code: said('x', null),
        mentor: said(key(2), null),
        tags: [key(11), key(13)],
      },
      {
        ...seen,
        id: key(22),
        title: 'b',
        owner: key(2),
        score: 5,
        code: said('x', 'y'),
        tags: [key(12), ...(other ? [key(14)] : [])],
      },
      {
        ...seen,
        id: key(23),
        title: 'a b',
        owner: key(3),
        score: 7,
        mentor: said(null, key(1)),
        tags: other ? [] : [key(13)],
      },
      { ...set, id: key(24), title: said('a', 'z'), owner: key(2), score: said(1, 9), tags: said([key(11)], []) },
      ...(other ? [] : [{ ...set, id: key(25), title: 'b', owner: key(2) }]),
    ])
    await db.insert(Comment, { id: 1, text: 'a', note: key(21), author: key(2) })
    await db.insert(Comment, { id: 2, text: 'b', note: key(22), author: key(1) })
    await db.insert(Comment, { id: said(3, 4), text: said('a', 'b'), note: key(24), author: key(1) })
    await db.insert(Like, [
      { user: key(1), note: key(21) },
      { user: key(2), note: key(24), weight: 2 },
    ])
    if (other) await db.insert(Sealed, { value: 'x' })
    await db.insert(Report, { text: said('a', 'b') })
  })
  return fixture
}
