import { existsSync, globSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { expect, test } from 'vitest'

// What a page links to is there: files of the repository, and headings of its pages. Other sites are not asked.

const repository = path.join(import.meta.dirname, '../..')
const pages = ['README.md', 'CONTRIBUTING.md', 'CHANGELOG.md', ...globSync('docs/**/*.md', { cwd: repository })]

/** Links outside of code, which may show any text. */
function linksOf(markdown: string): string[] {
  const prose = markdown.replaceAll(/^(`{3,}|~{3,}).*?^\1/gms, '').replaceAll(/`[^`\n]*`/g, '')
  return [...prose.matchAll(/\]\(([^)\s]+)\)/g)].map((match) => match[1]!)
}

/** The anchor of a heading, as GitHub makes it. */
function anchorsOf(markdown: string): string[] {
  const headings = [...markdown.matchAll(/^#{1,6} (.+)$/gm)].map((match) => match[1]!)
  return headings.map((text) =>
    text
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  )
}

test.each(pages)('every link of %s leads somewhere', (page) => {
  const broken = linksOf(readFileSync(path.join(repository, page), 'utf8')).filter((link) => {
    if (/^[a-z]+:/.test(link)) return false
    const [file, anchor] = link.split('#') as [string, string?]
    const target = file ? path.join(repository, path.dirname(page), file) : path.join(repository, page)
    if (!existsSync(target)) return true
    return anchor !== undefined && !anchorsOf(readFileSync(target, 'utf8')).includes(anchor)
  })
  expect(broken).toEqual([])
})

test('the index of answers lists each page', () => {
  const folder = path.join(repository, 'docs/answers')
  const listed = linksOf(readFileSync(path.join(folder, 'README.md'), 'utf8'))
  expect(globSync('[0-9]*.md', { cwd: folder }).filter((page) => !listed.includes(page))).toEqual([])
})
