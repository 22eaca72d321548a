import { backend } from 'monobloc'
import * as articles from './articles.ts'
import * as comments from './comments.ts'
import { conduitErrors } from './errors.ts'
import * as notices from './notices/notices.ts'
import * as people from './people.ts'
import { home } from './welcome/home.ts'
import { seed } from './welcome/seed.ts'

export default backend({
  name: 'conduit',
  version: '2.0.0',
  description: 'The RealWorld API: people who write, read, follow and like articles.',
  reference: { contact: { name: 'RealWorld', url: 'https://github.com/realworld-apps/realworld' } },
  serve: [home, people, articles, comments, notices],
  auth: { schemes: ['Token', 'Bearer'], lifetime: 7 * 24 * 60 * 60 },
  errors: conduitErrors,
  seed,
  keepSecret: true,
  host: '127.0.0.1', // everyone knows the password of the people in it
})
