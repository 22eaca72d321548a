// Models before and after the migration that is killed.
import { model, Schema, t } from '../../src/schema/index.ts'

const Tag = model('tag', { id: t.serial(), name: t.text().unique() })

export const oldSchema = schema(
  model('writer', { id: t.id(), name: t.text() }),
  (Writer) => ({
    id: t.serial(),
    title: t.text(),
    body: t.text(),
    price: t.text(),
    hidden: t.text().nullable(),
    writer: t.ref(Writer).onDelete('cascade'),
    tags: t.manyToMany(Tag),
  }),
  ['title'],
)

export const newSchema = schema(
  model('author', { id: t.id(), name: t.text() }, { renamedFrom: 'writer' }),
  (Author) => ({
    id: t.serial(),
    headline: t.text().renamedFrom('title'),
    body: t.text(),
    price: t.decimal(10, 2),
    slug: t.text().nullable().unique(),
    createdAt: t.createdAt(),
    author: t.ref(Author).onDelete('cascade').renamedFrom('writer'),
    tags: t.manyToMany(Tag),
  }),
  ['headline'],
)

function schema(person: any, shape: (person: any) => object, search: string[]): Schema {
  return new Schema([Tag, person, model('article', shape(person) as never, { search } as never)])
}

/** A data step behind the steps that the plan has written. */
export const dataStep = `
-- data: slugs
UPDATE article SET slug = lower(headline) || '-' || id WHERE id % 3 = 0;
`
