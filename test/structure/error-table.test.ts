import { expect, expectTypeOf, test } from 'vitest'
import { type ErrorCode, errorTable } from '../../src/errors.ts'

// After a change of the table, run `npm test -- test/structure -u`: it writes docs/errors.md.

test('docs/errors.md says what the table of errors says', async () => {
  await expect(errorsPage()).toMatchFileSnapshot('../../docs/errors.md')
})

test('every code has a status, a sentence and a remedy', () => {
  for (const [code, { status, message, remedy }] of Object.entries(errorTable)) {
    expect(code).toMatch(/^[a-z]+(_[a-z]+)*$/)
    expect(status, code).toSatisfy((value: number) => value >= 400 && value <= 599)
    expect(message, code).toMatch(/^[A-Z].*\.$/)
    expect(remedy, code).toMatch(/^[A-Z].*\.$/)
  }
})

test('the exported type is the codes of the table', () => {
  expectTypeOf<ErrorCode>().toEqualTypeOf<keyof typeof errorTable>()
})

function errorsPage(): string {
  const rows = Object.entries(errorTable)
    .sort(([a, x], [b, y]) => x.status - y.status || (a < b ? -1 : 1))
    .map(([code, { status, message, remedy }]) => `| \`${code}\` | ${status} | ${cell(message)} | ${cell(remedy)} |`)
  return `# Errors

Every error that leaves Monobloc has one of these codes: in the \`code\` of a problem document (RFC 9457), or of the
\`MonoblocError\` that an application catches. Codes are stable; sentences may be worded better at any time. This page is
written from the table in \`src/errors.ts\` by its test.

| code | status | message | what to do |
|---|---|---|---|
${rows.join('\n')}
`
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll('<', '&lt;')
}
