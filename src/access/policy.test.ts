import { describe, expect, test } from 'vitest'
import { model, Schema, t } from '../schema/index.ts'
import { Policies } from './policy.ts'

const User = model('user', { id: t.id(), name: t.text(), secret: t.text().writeOnly().nullable() })
const Post = model('post', {
  id: t.id(),
  title: t.text().nullable(),
  public: t.boolean(),
  get author() {
    return t.ref(User, { inverse: 'posts' })
  },
})
const schema = new Schema([User, Post])
const ann = { id: '0199d7a2-5b6e-7abc-8def-0123456789ab', name: 'ann' }

const all = { kind: 'constant', value: true }
const none = { kind: 'constant', value: false }
const isPublic = { kind: 'compare', column: 'public' }
const isAnns = { kind: 'compare', column: 'author', comparison: { operator: 'eq', value: ann.id } }

const invalid = (detail: string) =>
  expect.objectContaining({ code: 'definition_invalid', status: 500, message: expect.stringContaining(detail) })

function policies(rules: object): Policies {
  const made = new Policies()
  made.set(Post, rules as never)
  made.check(schema)
  return made
}
const rule = (rules: object, user: object | null = ann, action: 'read' | 'create' | 'update' | 'delete' = 'read') =>
  policies(rules).guard(schema, user).rule(Post, action)

describe('what was not granted is refused', () => {
  test.each(['read', 'create', 'update', 'delete'] as const)('to %s', (action) => {
    for (const user of [ann, null]) {
      expect(new Policies().guard(schema, user).rule(Post, action)).toEqual(none)
      expect(rule({}, user, action)).toEqual(none)
      expect(rule({ anyone: {} }, user, action)).toEqual(none)
      expect(rule({ [action]: undefined, anyone: { [action]: undefined } }, user, action)).toEqual(none)
      expect(rule({ [action]: false }, user, action)).toEqual(none)
    }
    expect(rule({ [action]: true }, null, action)).toEqual(none)
    const others = ['read', 'create', 'update', 'delete'].filter((other) => other !== action)
    expect(rule(Object.fromEntries(others.map((other) => [other, true])), ann, action)).toEqual(none)
  })

  test('and one policy grants nothing of another model', () => {
    expect(
      policies({ anyone: { read: true } })
        .guard(schema, ann)
        .rule(User, 'read'),
    ).toEqual(none)
  })
})

describe('rules', () => {
  test('for anyone hold for users too, who may have more', () => {
    const rules = { anyone: { read: { public: true } }, read: ({ user }: any) => ({ author: user.id }) }
    expect(rule(rules, null)).toMatchObject(isPublic)
    expect(rule(rules)).toMatchObject({ kind: 'or', parts: [isPublic, isAnns] })
    expect(rule({ anyone: { read: true }, read: false })).toEqual(all)
    expect(rule({ anyone: { read: { public: true } } })).toMatchObject(isPublic)
    expect(rule({ read: { public: true } })).toMatchObject(isPublic)
    expect(rule({ read: {} })).toEqual(all)
    expect(rule({ read: { or: [] } })).toEqual(none)
  })

  test('of functions may give all, none or a filter, and know the user', () => {
    expect(rule({ read: ({ user }: any) => user.name === 'ann' || { author: user.id } })).toEqual(all)
    expect(rule({ read: ({ user }: any) => user.name === 'bob' || { author: user.id } })).toMatchObject(isAnns)
    expect(rule({ read: () => false })).toEqual(none)
    expect(rule({ read: () => false, anyone: { read: { public: true } } })).toMatchObject(isPublic)
  })

  test('may use write-only fields and cross relations', () => {
    expect(rule({ read: { author: { secret: { ne: null } } } })).toMatchObject({ kind: 'one' })
  })

  test('are asked once in a unit of work, and again in the next', () => {
    let asked = 0
    const made = policies({
      read: ({ user }: any) => {
        asked++
        return { author: user.id }
      },
    })
    const guard = made.guard(schema, ann)
    expect(guard.rule(Post, 'read')).toBe(guard.rule(Post, 'read'))
    expect(asked).toBe(1)
    made.guard(schema, ann).rule(Post, 'read')
    expect(asked).toBe(2)
  })

  test('are not asked where everyone may, or where nobody is known', () => {
    const read = () => {
      throw new Error('asked')
    }
    expect(rule({ anyone: { read: true }, read })).toEqual(all)
    expect(rule({ read }, null)).toEqual(none)
    expect(() => rule({ read })).toThrow('asked')
  })

  test('with undefined in them grant nothing, and say so', () => {
    const lost = { read: ({ user }: any) => ({ author: user.key }) }
    expect(() => rule(lost)).toThrow(expect.objectContaining({ code: 'undefined_in_filter', status: 500 }))
    expect(() => rule({ read: () => ({ or: [{ public: true }, { author: undefined }] }) })).toThrow(
      expect.objectContaining({ code: 'undefined_in_filter' }),
    )
  })
})

describe('a wrong rule is refused', () => {
  test.each<[string, object, string]>([
    ['an action that is none', { write: true }, 'not write'],
    ['an action of a prototype', { constructor: true }, 'not constructor'],
    ['an action for anyone that is none', { anyone: { view: true } }, 'not view'],
    ['anyone is no object', { anyone: true }, 'an object of rules'],
    ['a function for anyone', { anyone: { read: () => true } }, 'there is no user'],
    ['null', { read: null }, 'is null'],
    ['a number', { read: 1 }, 'is 1'],
    ['text', { anyone: { read: 'all' } }, 'is all'],
    ['a list', { read: [{ public: true }] }, 'must be true, false or a filter'],
    ['an instance', { read: new Date() }, 'must be true, false or a filter'],
    ['an unknown field', { read: { titel: 'x' } }, 'titel is not a field'],
    ['an unknown field for anyone', { anyone: { update: { titel: 'x' } } }, 'titel is not a field'],
    ['an unknown operator', { delete: { title: { like: 'x' } } }, 'is not an operator'],
    ['a value of another type', { create: { public: 'yes' } }, 'must be true or false'],
  ])('where it is declared: %s', (_, rules, detail) => {
    expect(() => policies(rules)).toThrow(invalid(detail))
  })

  test.each<[string, () => unknown, string]>([
    ['nothing', () => {}, 'gave undefined'],
    ['null', () => null, 'gave null'],
    ['text', () => 'yes', 'gave yes'],
    ['a number', () => 1, 'gave 1'],
    ['a list', () => [{ public: true }], 'must be true, false or a filter'],
    ['a promise', async () => true, 'must be true, false or a filter'],
    ['a function', () => () => true, 'must be true, false or a filter'],
    ['an unknown field', () => ({ titel: 'x' }), 'titel is not a field'],
  ])('where it is asked, as a mistake of the app and not of the request: %s', (_, read, detail) => {
    expect(() => rule({ read })).toThrow(invalid(detail))
  })

  test('a second policy of a model, and one of a model that was not defined', () => {
    const made = policies({ read: true })
    expect(() => made.set(Post, { read: true })).toThrow(invalid('two policies'))
    const other = new Policies()
    other.set(model('other', { id: t.id() }), { read: true })
    expect(() => other.check(schema)).toThrow(invalid('not in define'))
  })
})

test('a guard knows whether anybody was identified', () => {
  expect(new Policies().guard(schema, null).anonymous).toBe(true)
  expect(new Policies().guard(schema, ann).anonymous).toBe(false)
  // Where there are no users, nobody is asked to say who they are.
  expect(new Policies(false).guard(schema, null).anonymous).toBe(false)
})
