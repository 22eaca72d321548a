import { globSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { pathToFileURL } from 'node:url'
import type { Campaign } from './campaign.ts'

/** The campaigns of a folder, by name. */
export async function loadCampaigns(folder: string): Promise<Campaign[]> {
  const files = globSync('*.campaign.ts', { cwd: folder }).sort()
  return Promise.all(
    files.map(async (file) => (await import(pathToFileURL(path.join(folder, file)).href)).campaign as Campaign),
  )
}

/** A folder for one seed: removed unless what it shows is worth a look. */
export async function withFolder<T extends { violations: string[] }>(
  use: (folder: string) => Promise<T>,
): Promise<T & { folder?: string }> {
  const folder = mkdtempSync(path.join(tmpdir(), 'campaign-'))
  const result = await use(folder)
  if (result.violations.length > 0) return { ...result, folder }
  rmSync(folder, { recursive: true, force: true })
  return result
}
