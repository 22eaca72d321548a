import { runCampaigns } from '../campaign/campaign-main.ts'

process.exitCode = await runCampaigns(import.meta.dirname, process.argv.slice(2))
