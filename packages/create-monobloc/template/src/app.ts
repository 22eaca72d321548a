import { backend } from 'monobloc'
import * as notes from './notes.ts'
import * as users from './users.ts'

export default backend({ name: 'my-app', serve: [users, notes] })
