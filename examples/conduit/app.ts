import { backend } from 'monobloc'
import { articles } from './articles.ts'
import { comments } from './comments.ts'
import { conduitErrors } from './errors.ts'
import { home } from './home.ts'
import { people } from './people.ts'
import { seed } from './seed.ts'

export default backend({
  name: 'conduit',
  serve: [home, ...people, ...articles, ...comments],
  auth: { schemes: ['Token', 'Bearer'], lifetime: '7d' },
  errors: conduitErrors,
  seed,
})
