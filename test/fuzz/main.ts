import path from 'node:path'
import { runCampaigns } from '../campaign/campaign-main.ts'

const results = path.join(import.meta.dirname, '../../docs/results')
process.exitCode = await runCampaigns(import.meta.dirname, process.argv.slice(2), results)
