import { startNest } from './nest.ts'

await startNest('express')
