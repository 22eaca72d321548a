import path from 'node:path'
import { describe, expect, test } from 'vitest'
import { folderWith } from '../../test/api/child-app.ts'
import { findAppFile } from './app-file.ts'

const find = (files: Record<string, string>, argument?: string) => {
  const folder = folderWith(files)
  return path.relative(folder, findAppFile(argument, folder))
}

describe('the file of an app', () => {
  test('is the one that is named', () => {
    expect(find({ 'app.ts': '', 'other/start.js': '' }, 'other/start.js')).toBe('other/start.js')
  })
  test('is the one of package.json: its monobloc.app, then its main', () => {
    const manifest = JSON.stringify({ main: 'main.js', monobloc: { app: 'src/server.ts' } })
    expect(find({ 'package.json': manifest, 'app.ts': '', 'main.js': '', 'src/server.ts': '' })).toBe('src/server.ts')
    expect(find({ 'package.json': '{"main":"main.js"}', 'app.ts': '', 'main.js': '' })).toBe('main.js')
  })
  test('is a usual one: TypeScript before JavaScript, the folder before its src', () => {
    expect(find({ 'package.json': '{"main":"gone.js"}', 'app.js': '', 'src/app.ts': '' })).toBe('src/app.ts')
    expect(find({ 'package.json': '{broken', 'app.js': '', 'app.ts': '' })).toBe('app.ts')
    expect(find({ 'app.js': '', 'src/app.js': '' })).toBe('app.js')
  })
  test.each([
    ['a name that is not there', { 'app.ts': '' }, 'gone.ts', 'gone.ts is not a file'],
    ['a folder', { 'src/app.ts': '' }, 'src', 'src is not a file'],
    [
      'a monobloc.app that is not there',
      { 'package.json': '{"monobloc":{"app":"x.ts"}}', 'app.ts': '' },
      undefined,
      'x.ts',
    ],
    ['nothing', {}, undefined, 'has none of app.ts, src/app.ts'],
  ])('is missed: %s', (_, files, argument, words) => {
    expect(() => find(files as Record<string, string>, argument)).toThrow(words)
  })
})
