import { testSlices } from '../campaign/campaign-slice.ts'

await testSlices(import.meta.dirname)
