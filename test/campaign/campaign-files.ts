import { globSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { pathToFileURL } from 'node:url'
import { atEnd } from './at-end.ts'
import type { Campaign } from './campaign.ts'

/** The campaigns of a folder, by name. */
export async function loadCampaigns(folder: string): Promise<Campaign[]> {
  const files = globSync('*.campaign.ts', { cwd: folder }).sort()
  return Promise.all(
    files.map(async (file) => (await import(pathToFileURL(path.join(folder, file)).href)).campaign as Campaign),
  )
}

/** Folders of violations that one run keeps: a trace in one may have some hundred megabytes. */
const mostKept = 3
let kept = 0

/** A folder for one seed: removed unless what it shows is worth a look, and that has been seen a few times only. */
export async function withFolder<T extends { violations: string[] }>(
  use: (folder: string) => Promise<T>,
): Promise<T & { folder?: string }> {
  const folder = mkdtempSync(path.join(tmpdir(), 'campaign-'))
  // A process that was just killed may still be in the middle of making a file.
  const remove = () => rmSync(folder, { recursive: true, force: true, maxRetries: 5 })
  const forget = atEnd(remove)
  let isKept = false
  try {
    const result = await use(folder)
    isKept = result.violations.length > 0 && kept < mostKept
    return isKept ? { ...result, folder } : result
  } finally {
    forget()
    if (isKept) kept++
    else remove()
  }
}
