import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { whyNoStrace } from './tools.ts'
import { readTrace, traced } from './trace.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'trace-'))
})
afterEach(() => rmSync(folder, { recursive: true, maxRetries: 5 }))

const noStrace = whyNoStrace()

/** Writes without end. */
const spinning = `const { openSync, writeSync } = require('node:fs')
  const file = openSync(process.argv[1], 'w')
  console.log(process.pid)
  for (;;) writeSync(file, Buffer.alloc(4096), 0, 4096, 0)`

function spin(most?: number) {
  const [command, ...args] = traced(path.join(folder, 'trace'), [], most)
  return [command!, [...args, process.execPath, '-e', spinning, path.join(folder, 'data')]] as const
}

const isThere = (pid: number) =>
  existsSync(`/proc/${pid}`) && !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'))

test('the trace of a server that spins has an end', async ({ skip }) => {
  skip(noStrace !== undefined, noStrace)
  const most = 1024 * 1024
  const child = spawn(...spin(most), { stdio: 'ignore' })
  // Without strace its calls fail.
  await once(child, 'close')
  expect(statSync(path.join(folder, 'trace')).size).toBe(most)
})

test('a server that spins ends with who has started it, even by SIGKILL', async ({ skip }) => {
  skip(noStrace !== undefined, noStrace)
  const code = `require('node:child_process').spawn(...${JSON.stringify(spin())}, { stdio: 'inherit' })`
  const parent = spawn(process.execPath, ['-e', code], { stdio: ['ignore', 'pipe', 'inherit'] })
  const [printed] = await once(parent.stdout, 'data')
  const pid = Number(printed)
  expect(isThere(pid)).toBe(true)
  parent.kill('SIGKILL')
  while (isThere(pid)) await setTimeout(10)
})

test('a write that the trace does not keep whole is refused', () => {
  const file = path.join(folder, 'trace')
  const hex = '/d/a'.replaceAll(/./g, (letter) => `\\x${letter.charCodeAt(0).toString(16)}`)
  writeFileSync(file, `1 pwrite64(3<${hex}>, "\\x61"..., 9000, 0) = 9000`)
  expect(() => readTrace(file, '/d')).toThrow('longer than the trace keeps')
})
