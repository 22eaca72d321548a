import { type AnyModel, type Condition, model, parseFilter, Schema, t } from '../../src/schema/index.ts'

export const Author = model('author', {
  id: t.id(),
  name: t.text().unique(),
  deletedAt: t.deletedAt(),
})

export const Tag = model('tag', { id: t.id(), name: t.text().unique(), deletedAt: t.deletedAt() })

export const Story = model(
  'story',
  {
    id: t.id(),
    title: t.text(),
    words: t.integer().default(1),
    author: t.ref(Author, { inverse: 'stories' }).onDelete('cascade'),
    tags: t.manyToMany(Tag, { inverse: 'stories' }),
    updatedAt: t.updatedAt(),
    version: t.version(),
    deletedAt: t.deletedAt({ purgeAfter: '30d' }),
  },
  { search: ['title'], indexes: [['author', 'title']] },
)

/** Kept as it is, whatever becomes of the story. */
export const Remark = model('remark', {
  id: t.serial(),
  text: t.text(),
  story: t.ref(Story, { inverse: 'remarks' }),
})

/** One to one with its story. */
export const Cover = model('cover', {
  id: t.serial(),
  colour: t.text(),
  story: t.ref(Story, { inverse: 'cover' }).unique().onDelete('cascade'),
  deletedAt: t.deletedAt(),
})

export const models = { Author, Tag, Story, Remark, Cover }
export const schema = new Schema(Object.values(models))

export function where(one: AnyModel, filter: unknown): Condition {
  return parseFilter(schema, one, filter)
}
