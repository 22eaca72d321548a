import { backend } from 'monobloc'
import * as lifecycle from './lifecycle.ts'
import * as orders from './orders.ts'
import * as people from './people.ts'
import * as products from './products.ts'
import { seed } from './seed.ts'

export default backend({
  name: 'shop',
  version: '1.0.0',
  description: 'Products with photos, a checkout that never sells what is not there, and an admin.',
  serve: [people, products, orders, lifecycle],
  static: { '/': new URL('./page/', import.meta.url), '/photos': { kept: 'photos' } },
  seed,
  data: 'data/shop',
  keepSecret: true,
  host: '127.0.0.1', // everyone knows the password of the people in it
})
