import { mkdtempSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import type { Browser, BrowserContextOptions, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import conduit from '../../examples/conduit/app.ts'
import { launchChromium, whyNoChromium } from './chromium.ts'

describe.skipIf(whyNoChromium)(
  `the reference of Conduit in Chromium${whyNoChromium ? ` (${whyNoChromium})` : ''}`,
  () => {
    const folder = mkdtempSync(path.join(os.tmpdir(), 'conduit-browser-'))
    let browser: Browser
    let url: string

    beforeAll(async () => {
      const environment = { NODE_ENV: 'test', MONOBLOC_LOG: 'silent' }
      url = (await conduit.start({ port: 0, folder, environment })).url
      browser = await launchChromium()
    }, 60_000)
    afterAll(async () => {
      await browser?.close()
      await conduit.stop()
      rmSync(folder, { recursive: true })
    })

    /** A page whose complaints, and requests to other hosts, fail the test. */
    async function open(address: string, options: BrowserContextOptions = {}): Promise<Page> {
      const page = await browser.newPage(options)
      const complaints: string[] = []
      page.on('console', (message) => {
        if (message.type() === 'error' || message.type() === 'warning') complaints.push(message.text())
      })
      page.on('pageerror', (error) => complaints.push(String(error)))
      page.on('request', (request) => {
        const asked = new URL(request.url())
        if (asked.protocol !== 'data:' && asked.origin !== url) complaints.push(`asked ${asked}`)
      })
      onTestFinished(async () => {
        await page.close()
        expect(complaints).toEqual([])
      })
      await page.goto(url + address)
      return page
    }

    test('shows an operation and what it answers when it is tried', async () => {
      const page = await open('/docs')
      const operation = page.locator('#getTags')
      await operation.locator('summary').first().click()
      await operation.getByRole('button', { name: 'Send' }).click()
      await operation.locator('output .body').waitFor()
      expect(await operation.locator('output b').textContent()).toBe('200')
      expect(await operation.locator('output .headers').textContent()).toContain('content-type: application/json')
      expect(JSON.parse((await operation.locator('output .body').textContent())!).tags).toContain('bees')
    })

    test('signs in, keeps the token for other forms, and writes', async () => {
      const page = await open('/docs#postUsersLogin')
      const login = page.locator('#postUsersLogin')
      await login.locator('textarea').fill('{"user":{"email":"ada@example.com","password":"password"}}')
      await login.getByRole('button', { name: 'Send' }).click()
      await login.getByRole('button', { name: 'Use this token' }).click()
      await page.goto(`${url}/docs#postArticleFavorite`)
      const token = page.locator('input[type=password]')
      expect(await token.inputValue()).not.toBe('')
      const favorite = page.locator('#postArticleFavorite')
      await favorite.locator('input[name="path.slug"]').fill('a-short-history-of-rivers-part-1-0')
      expect(await favorite.locator('.curl').textContent()).toContain(
        `curl -X POST '${url}/api/articles/a-short-history-of-rivers-part-1-0/favorite'`,
      )
      expect(await favorite.locator('.curl').textContent()).not.toContain(await token.inputValue())
      await favorite.getByRole('button', { name: 'Send' }).click()
      await favorite.locator('output .body').waitFor()
      expect(JSON.parse((await favorite.locator('output .body').textContent())!).article.favorited).toBe(true)
      await page.reload()
      expect(await token.inputValue()).toBe('')
    })

    test('finds operations by words', async () => {
      const page = await open('/docs')
      await page.getByPlaceholder('Search').fill('comment delete')
      expect(await page.locator('.operation:visible').evaluateAll((found) => found.map(({ id }) => id))).toEqual([
        'deleteArticleComment',
      ])
      expect(await page.locator('nav li:visible').count()).toBe(1)
    })

    test('can be read without scripts, on a phone, in the dark', async () => {
      const page = await open('/docs', {
        javaScriptEnabled: false,
        viewport: { width: 360, height: 700 },
        colorScheme: 'dark',
      })
      const operation = page.locator('#createArticle')
      await operation.locator('summary').click()
      expect(await operation.textContent()).toContain('tagList list of string')
      expect(await page.locator('form:visible, input:visible').count()).toBe(0)
      const width = await page.evaluate('document.documentElement.scrollWidth')
      expect(width).toBe(360)
    })

    test('begins at a page that leads there', async () => {
      const page = await open('/')
      await page.getByRole('link', { name: 'Reference', exact: true }).click()
      await page.getByRole('heading', { name: /^conduit/ }).waitFor()
      expect(page.url()).toBe(`${url}/docs`)
    })
  },
)
