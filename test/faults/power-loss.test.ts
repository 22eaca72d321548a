import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type Loss, losePower } from './power-loss.ts'
import { Random } from './random.ts'
import { readTrace } from './trace.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'power-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

const hex = (text: string) => [...Buffer.from(text)].map((byte) => `\\x${byte.toString(16).padStart(2, '0')}`).join('')
const create = (name: string) =>
  `1 openat(AT_FDCWD<${hex('/')}>, "${hex(`/d/${name}`)}", O_RDWR|O_CREAT, 0644) = 3<${hex(`/d/${name}`)}>`
const write = (name: string, offset: number, text: string) =>
  `1 pwrite64(3<${hex(`/d/${name}`)}>, "${hex(text)}", ${text.length}, ${offset}) = ${text.length}`
const sync = (name: string, result = '0') => `1 fdatasync(3<${hex(`/d/${name}`)}>) = ${result}`
const syncFolder = `1 fsync(4<${hex('/d')}>) = 0`

function lost(lines: string[], loss: Loss, seed = 1, at = lines.length): Record<string, string> {
  writeFileSync(path.join(folder, 'trace'), lines.join('\n'))
  const to = mkdtempSync(path.join(folder, 'lost-'))
  losePower(readTrace(path.join(folder, 'trace'), '/d'), at, loss, new Random(seed), '/d', to)
  return Object.fromEntries(readdirSync(to).map((name) => [name, readFileSync(path.join(to, name), 'latin1')]))
}

/** Every result that some seed gives. */
const possible = (lines: string[], loss: Loss) =>
  [...new Set(Array.from({ length: 60 }, (_, seed) => JSON.stringify(lost(lines, loss, seed))))].map((text) =>
    JSON.parse(text),
  )

describe('what is certain when the power fails', () => {
  const made = [create('a'), syncFolder]

  test('bytes are there once they were synced, and not before', () => {
    const lines = [...made, write('a', 0, 'one'), sync('a'), write('a', 3, 'two')]
    expect(lost(lines, 'synced')).toEqual({ a: 'one' })
    expect(lost(lines, 'synced', 1, 3)).toEqual({ a: '' })
  })

  test('a file is there once its folder was synced', () => {
    expect(lost([create('a'), write('a', 0, 'one'), sync('a')], 'synced')).toEqual({})
    expect(lost([create('a'), write('a', 0, 'one'), sync('a'), syncFolder], 'synced')).toEqual({ a: 'one' })
  })

  test('a removed file is gone once its folder was synced', () => {
    const remove = `1 unlink("${hex('/d/a')}") = 0`
    expect(lost([...made, remove], 'synced')).toEqual({ a: '' })
    expect(lost([...made, remove, syncFolder], 'synced')).toEqual({})
  })

  test('a sync that was under way is none yet', () => {
    const begun = [...made, write('a', 0, 'one'), `1 fdatasync(3<${hex('/d/a')}> <unfinished ...>`]
    expect(lost(begun, 'synced')).toEqual({ a: '' })
    expect(lost([...begun, '2 write(1<pipe:[1]>, "", 0) = 0', '1 <... fdatasync resumed>) = 0'], 'synced')).toEqual({
      a: 'one',
    })
  })

  test('what a failed sync should have written is lost, whatever comes later', () => {
    const failed = sync('a', '-1 EIO (Input/output error) (INJECTED)')
    const lines = [...made, write('a', 0, 'one'), failed, sync('a'), write('a', 3, 'two'), sync('a')]
    expect(lost(lines, 'synced')).toEqual({ a: '\0\0\0two' })
  })

  test('what a truncation cut stays cut', () => {
    const lines = [
      ...made,
      write('a', 0, 'sixsix'),
      `1 ftruncate(3<${hex('/d/a')}>, 3) = 0`,
      write('a', 5, 'x'),
      sync('a'),
    ]
    expect(lost(lines, 'synced')).toEqual({ a: 'six\0\0x' })
  })
})

describe('what is not certain', () => {
  const lines = [create('a'), syncFolder, write('a', 0, 'one'), write('a', 3, 'two')]

  test('each write is there or not', () => {
    expect(
      possible(lines, 'partial')
        .map(({ a }) => a)
        .sort(),
    ).toEqual(['', '\0\0\0two', 'one', 'onetwo'])
  })

  test('a write is torn at sectors, and nowhere else', () => {
    const found = possible([create('a'), syncFolder, write('a', 256, 'x'.repeat(1024))], 'torn').map(({ a }) => a)
    const sector = (at: number) => new Set(found.map((text) => text.slice(at, at + 512).replaceAll('\0', '')))
    expect(sector(0)).toEqual(new Set(['', 'x'.repeat(256)]))
    expect(sector(512)).toEqual(new Set(['', 'x'.repeat(512)]))
    expect(found.length).toBeGreaterThan(4)
  })
})

describe('a trace', () => {
  test('tells of answers when their first bytes leave', () => {
    const parts = [`HTTP/1.1 201 Created\r\nX-Request-Id: s1c0.1\r\n\r\n`, '{}'].map(
      (text) => `{iov_base="${hex(text)}", iov_len=1}`,
    )
    const line = `7 writev(20<${hex('TCP:[1->2]')}>, [${parts.join(', ')}], 2) = 99`
    for (const socket of ['TCP:[1->2]', 'socket:[77]']) {
      writeFileSync(path.join(folder, 'trace'), line.replace(hex('TCP:[1->2]'), hex(socket)))
      expect(readTrace(path.join(folder, 'trace'), '/d').events).toEqual([
        { kind: 'answer', status: 201, request: 's1c0.1', start: 0, end: 0 },
      ])
    }
  })

  test('is refused when it holds a call that is not understood', () => {
    expect(() => lost([create('a'), `1 fallocate(3<${hex('/d/a')}>, 0, 0, 4096) = 0`], 'synced')).toThrow('fallocate')
  })
})
