// A process of the app whose answers are kept: cache-process.ts PLANTED, with the settings of the environment. Prints its port,
// and says what was kept when it is asked. PLANTED is a mistake that must be found; empty: none.
import { DependencyIndex } from '../../src/cache/dependency-index.ts'
import { ExactCache } from '../../src/cache/index.ts'
import { cacheApp } from '../conformance/cache-app.ts'
import { plants } from './cache-planted.ts'

const planted = process.argv[2] as keyof typeof plants | ''
if (planted) plants[planted](ExactCache.prototype, DependencyIndex.prototype)
const { app } = cacheApp()
const { port } = await app.start({ port: 0, environment: process.env })
process.on('message', () => process.send!(app.cache))
process.on('disconnect', () => process.exit())
process.send!({ port })
