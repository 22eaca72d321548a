import { type Backend, model, t } from 'monobloc'
import { testBackend } from 'monobloc/testing'

declare const app: Backend
const User = model('user', { id: t.id(), name: t.text(), age: t.integer().nullable() })

export async function typed(): Promise<string> {
  await using backend = await testBackend(app)
  const user = await backend.db.insert(User, { name: 'ann' })
  // @ts-expect-error no such field
  await backend.db.insert(User, { nam: 'ann' })
  // @ts-expect-error not a number
  await backend.db.find(User, { where: { age: 'old' } })
  const [row] = await backend.db.find(User, { where: { age: { gte: 18 } } })
  const age: number | null | undefined = row?.age
  // @ts-expect-error no such unit
  backend.clock.move({ weeks: 1 })
  const { status, body } = await backend.as(user).post('/notes', { any: age })
  const checked: number = status
  // @ts-expect-error the verbs that have no body take headers
  await backend.get('/notes', 1)
  return `${checked}${body.anything}`
}
