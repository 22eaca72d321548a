import { testBackend } from 'monobloc/testing'
import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import shop from '../../examples/shop/app.ts'
import { launchChromium, whyNoChromium } from './chromium.ts'

describe.skipIf(whyNoChromium)(`the page of the shop${whyNoChromium ? ` (${whyNoChromium})` : ''}`, () => {
  let browser: Browser
  beforeAll(async () => {
    browser = await launchChromium()
  })
  afterAll(() => browser?.close())

  test('shows what there is, sells it, and takes photos from the admin', async () => {
    await using backend = await testBackend(shop)
    const page = await browser.newPage()
    const mistakes: string[] = []
    page.on('pageerror', (error) => mistakes.push(String(error)))
    await page.goto(backend.url)
    const kettle = page.locator('article', { hasText: 'Kettle' })
    await kettle.getByText('3 left').waitFor()
    expect(await page.locator('article').count()).toBe(6)
    expect(await kettle.getByRole('button').isDisabled()).toBe(true)

    await page.selectOption('#person', 'ada')
    await page.locator('#orders tr').first().waitFor()
    await kettle.getByRole('button').click()
    await page.getByText(/^Order \d+: Kettle, 38\.00$/).waitFor()
    await kettle.getByText('2 left').waitFor()
    await page.locator('article', { hasText: 'Tea towel' }).getByRole('button').click()
    await page.getByText('only 0 left').waitFor()

    await page.selectOption('#person', 'admin')
    const file = { name: 'kettle.png', mimeType: 'image/png', buffer: await page.locator('h1').screenshot() }
    await kettle.locator('input').setInputFiles(file)
    await kettle.locator('img').waitFor()
    await page.waitForFunction('document.querySelector("img").naturalWidth > 0')
    expect(mistakes).toEqual([])
    await page.close()
  })
})
