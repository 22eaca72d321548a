import { mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import os, { tmpdir } from 'node:os'
import path from 'node:path'
import { expect, onTestFinished, test, vi } from 'vitest'
import { UploadFolder } from './upload-folder.ts'

function base(): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'uploads-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

test('a folder that another machine took for left behind is made again for the next file', async () => {
  const data = base()
  const one = new UploadFolder(data)
  writeFileSync(await one.place(), 'x')
  const own = path.join(data, 'incoming', readdirSync(path.join(data, 'incoming'))[0]!)
  utimesSync(own, 0, 0)
  // As another process sees it, on another machine.
  vi.resetModules()
  const { UploadFolder: Other } = await import('./upload-folder.ts')
  const hostname = vi.spyOn(os, 'hostname').mockReturnValue('other')
  await new Other(data).clean()
  hostname.mockRestore()
  expect(readdirSync(path.join(data, 'incoming'))).toEqual([])
  writeFileSync(await one.place(), 'x')
})

test('a folder that could not be made is tried again', async () => {
  const data = base()
  const one = new UploadFolder(data)
  writeFileSync(path.join(data, 'incoming'), 'in the way')
  await expect(one.place()).rejects.toThrow()
  rmSync(path.join(data, 'incoming'))
  writeFileSync(await one.place(), 'x')
})
