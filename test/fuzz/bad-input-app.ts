import { type Backend, backend, define, model, t } from 'monobloc'
import { z } from 'zod'

const Shelf = model('shelf', { id: t.serial(), name: t.text().min(1).max(40).unique() })

const Thing = model(
  'thing',
  {
    id: t.id(),
    name: t.text().min(1).max(40),
    mail: t.email().nullable(),
    link: t.url().nullable(),
    slug: t.slug().nullable(),
    count: t.integer().min(0).max(100).default(0),
    big: t.bigint().default(0n),
    price: t.decimal(8, 2).default('0.00'),
    weight: t.float().default(0),
    done: t.boolean().default(false),
    day: t.date().nullable(),
    at: t.timestamp().nullable(),
    state: t.enum('new', 'old').default('new'),
    extra: t.json().nullable(),
    raw: t.bytes().max(64).nullable(),
    secret: t.text().writeOnly().nullable(),
    shelf: t.ref(Shelf, { inverse: 'things' }).nullable(),
    get tags() {
      return t.manyToMany(Shelf, { inverse: 'tagged' })
    },
    createdAt: t.createdAt(),
    version: t.version(),
  },
  { search: ['name'], indexes: [['count']] },
)

const { policy, resource, endpoint } = define({ models: { Shelf, Thing } })
for (const each of [Shelf, Thing]) policy(each, { anyone: { read: true, create: true, update: true, delete: true } })

const typed = endpoint('POST /typed/:number', {
  params: z.object({ number: z.coerce.number().int().min(1) }),
  query: z.strictObject({ mode: z.enum(['a', 'b']).default('a') }),
  body: z.strictObject({ text: z.string().max(10), list: z.array(z.int()).max(3) }),
  returns: { 201: z.object({ id: z.int() }) },
  async handle({ body, db }) {
    const { id } = await db.insert(Shelf, { name: body.text })
    return { id }
  },
})

/** One field of every kind, everything allowed: whatever is refused here was refused because it is wrong. */
export function badInputApp(): Backend {
  return backend({
    name: 'bad-input',
    serve: [typed, resource(Thing, { at: '/things', include: ['shelf', 'tags'] }), resource(Shelf, { at: '/shelves' })],
  })
}

/** For each field, values that it must refuse. */
export const wrongValues: Record<string, unknown[]> = {
  name: [null, 1, true, [], {}, '', 'x'.repeat(41), 'a\u0000b', '\ud800'],
  mail: [1, 'no', 'a@', `${'a'.repeat(250)}@b.cc`, {}],
  link: [1, 'no', 'javascript:alert(1)', 'ftp://a.b', '//a.b'],
  slug: ['A b', '-a', 'a--b', '', 7],
  count: [-1, 101, 1.5, '1', 1e300, true, null, 2 ** 53],
  big: ['9223372036854775808', '-9223372036854775809', 'x', '', 1.5, {}],
  price: ['1.234', '1000000.00', 'x', '1e3', {}, '', 'Infinity'],
  weight: ['1', null, [], {}],
  done: [0, 1, 'true', null, 'yes'],
  day: ['2026-13-01', '2026-02-30', '0000-01-01', 'today', 20260101],
  at: ['2026-01-01', 'now', 0, '10000-01-01T00:00:00Z', {}],
  state: ['older', '', 1, null, ['new']],
  extra: [],
  raw: ['***', 'a'.repeat(200), 1, {}],
  shelf: ['x', 1.5, {}, [], true],
  tags: ['x', [1.5], [{}], {}, [1, 1], null],
  id: ['00000000-0000-7000-8000-000000000000'],
  createdAt: ['2026-01-01T00:00:00Z'],
  version: [7],
}
