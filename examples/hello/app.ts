import { backend, endpoint } from 'monobloc'

const hello = endpoint('GET /', { handle: () => ({ hello: 'world' }) })

export default backend({ name: 'hello', serve: [hello] })
