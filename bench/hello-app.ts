import { backend, endpoint } from 'monobloc'

const hello = endpoint('GET /', { handle: () => ({ hello: 'world' }) })
await backend({ serve: [hello] }).listen()
