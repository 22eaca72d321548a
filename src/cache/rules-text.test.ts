import { expect, test } from 'vitest'
import { z } from 'zod'
import { model, parseFilter, Schema, t } from '../schema/index.ts'
import { rulesText } from './rules-text.ts'

const Note = model('note', { id: t.serial(), data: t.json(z.any()) })
const schema = new Schema([Note])

test('tells rules apart that compare documents with a member "relation"', () => {
  const [one, other] = ['kin', 'friend'].map((relation) => {
    const rule = parseFilter(schema, Note, { data: { eq: { relation } } })
    return rulesText({ rule: () => rule, anonymous: false }, [Note])
  })
  expect(one).toContain('kin')
  expect(other).toContain('friend')
})
