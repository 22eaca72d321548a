import { Draft, Note, Tag, User } from '../conformance/cache-app.ts'
import type { Random } from '../faults/random.ts'
import { type CacheWorld, people, type Who } from './cache-world.ts'

/** What is asked for: few enough that each is asked for again and again. */
export function anyTarget(random: Random): string {
  const id = 1 + random.below(14)
  const rank = random.below(12)
  return random.pick([
    `/notes/${id}`,
    `/notes/${id}?include=owner`,
    `/notes/${id}?include=owner,tags`,
    `/notes/${id}?fields=id,title`,
    '/notes',
    '/notes?sort=rank&limit=3',
    '/notes?sort=-rank,title&limit=4',
    '/notes?sort=-title&limit=2&include=tags',
    `/notes?rank[gte]=${rank}&limit=5`,
    `/notes?owner=${1 + random.below(3)}`,
    `/notes?owner.role=admin&fields=id,rank`,
    `/notes?owner.name=${random.pick(['ann', 'bob', 'x1'])}`,
    `/notes?tags[some][name]=${random.pick(['red', 'blue', 't1'])}`,
    `/notes?title[startsWith]=n&sort=rank&limit=6`,
    '/users',
    '/users?include=notes',
    `/users/${1 + random.below(3)}?include=notes.tags`,
    '/drafts',
    '/drafts?include=owner',
    '/tags',
    '/tags?include=notes',
    '/mine',
    '/top',
    '/tops',
    '/by-sql',
  ])
}

/** One write, acknowledged when it resolves. What is refused has changed nothing. */
export async function anyWrite(world: CacheWorld, random: Random): Promise<string> {
  const note = 1 + random.below(14)
  const user = 1 + random.below(3)
  const tag = 1 + random.below(3)
  const change = random.pick([
    { title: `n${random.below(20)}` },
    { rank: random.below(15) },
    { open: random.chance(0.5) },
    { owner: user },
    { tags: random.chance(0.3) ? [] : [tag] },
  ])
  const node = random.below(3)
  const system = (work: (db: any) => Promise<unknown>) => world.app.transaction(work as never).catch(() => {})
  const [name, write] = random.pick<[string, () => Promise<unknown>]>([
    [`PATCH note ${note}`, () => world.ask(node, 'PATCH', `/notes/${note}`, 'eve', change)],
    [`PATCH note ${note}`, () => world.ask(node, 'PATCH', `/notes/${note}`, 'eve', change)],
    [
      'POST note',
      () => world.ask(node, 'POST', '/notes', 'eve', { title: 'new', rank: random.below(15), owner: user }),
    ],
    [`rename user ${user}`, () => system((db) => db.update(User, user, { name: `x${random.below(5)}` }))],
    [`role of user ${user}`, () => system((db) => db.update(User, user, { role: random.pick(['member', 'admin']) }))],
    [`delete note ${note}`, () => system((db) => db.delete(Note, note, { purge: random.chance(0.3) }))],
    [`bring back note ${note}`, () => system((db) => db.update(Note, note, { deletedAt: null }))],
    [
      `tag ${tag}`,
      () => system((db) => db.update(Tag, tag, { hidden: random.chance(0.5), name: `t${random.below(3)}` })),
    ],
    [`draft of ${user}`, () => system((db) => db.insert(Draft, { text: 'new', owner: user }))],
    [
      'many',
      () => system((db) => db.update(Note, { where: { rank: { gte: random.below(15) } } }, { rank: random.below(15) })),
    ],
    [
      'by SQL',
      () =>
        system((db) =>
          db.sql
            .updateTable('note')
            .set({ title: `s${random.below(9)}` })
            .where('id', '=', note)
            .execute(),
        ),
    ],
    ['outside', () => world.outside(`update note set rank = ${random.below(15)} where id = ${note}`)],
    ['outside link', () => world.outside(`delete from note_tags where note = ${note}`)],
    ['long', () => system((db) => db.update(Note, note, { body: 'x'.repeat(random.pick([1, 70_000])) }))],
  ])
  await write()
  return `${name} through ${node}`
}

export function anyWho(random: Random): Who {
  return random.chance(0.5) ? 'nobody' : random.pick(people)
}
