import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { Validator } from '@seriousme/openapi-schema-validator'

const root = path.join(import.meta.dirname, '../..')

/** What is not valid by the schemas of the OpenAPI Initiative. */
export async function openApiErrors(document: object): Promise<unknown> {
  const { valid, errors } = await new Validator().validate(structuredClone(document) as never)
  return valid ? [] : errors
}

export interface Finding {
  code: string
  /** 0: error, 1: warning, 2: information, 3: hint. */
  severity: number
  path: string[]
}

/** What Spectral finds with its rules for OpenAPI (`spectral:oas`). */
export function spectralFindings(document: object): Finding[] {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'monobloc-spectral-'))
  try {
    const file = path.join(folder, 'openapi.json')
    writeFileSync(file, JSON.stringify(document))
    const ruleset = path.join(import.meta.dirname, 'spectral.yaml')
    const program = path.join(root, 'node_modules/@stoplight/spectral-cli/dist/index.js')
    const args = [program, 'lint', file, '--ruleset', ruleset, '--format', 'json', '--quiet']
    const { stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' })
    if (stderr) throw new Error(stderr)
    return JSON.parse(stdout.slice(stdout.indexOf('[')) || '[]')
  } finally {
    rmSync(folder, { recursive: true })
  }
}
