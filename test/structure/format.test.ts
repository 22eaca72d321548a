import { execFile } from 'node:child_process'
import path from 'node:path'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'

const root = path.join(import.meta.dirname, '../..')

test('format and lint are clean (npm run fix repairs most)', { timeout: 120_000 }, async () => {
  const args = ['ci', '--error-on-warnings', '--colors=off', '--max-diagnostics=20', '.']
  const biome = promisify(execFile)(path.join(root, 'node_modules/.bin/biome'), args, { cwd: root })
  await biome.catch((error) => expect.fail(error.stderr))
  expect((await biome).stdout).toMatch(/Checked \d{2,} files/)
})
