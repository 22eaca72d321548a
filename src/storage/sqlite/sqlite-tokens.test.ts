import { DatabaseSync } from 'node:sqlite'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { tokensOf } from './sqlite-tokens.ts'

function texts(sql: string): string[] {
  return tokensOf(sql).map(({ kind, text }) => `${kind}:${text}`)
}

test.each<[string, string[]]>([
  ["select 'it''s; -- /* no */' from t", ['word:select', "string:it's; -- /* no */", 'word:from', 'word:t']],
  ['a -- b\nc', ['word:a', 'word:c']],
  ['a /* b; ** */ c', ['word:a', 'word:c']],
  ['a /* never ended', ['word:a']],
  ['"a""b" `c``d` [e f]', ['quoted:a"b', 'quoted:c`d', 'quoted:e f']],
  ["x'00ff'", ['word:x', 'string:00ff']],
  [
    '?1 :name @at $a::b(c;d) $e',
    ['variable:?1', 'variable::name', 'variable:@at', 'variable:$a::b(c;d)', 'variable:$e'],
  ],
  ['$a( b', ['variable:$a(', 'word:b']],
  ['é_1$ 12ab', ['word:é_1$', 'number:12ab']],
  ["'never ended", ['string:never ended']],
  ['a<=b', ['word:a', 'symbol:<', 'symbol:=', 'word:b']],
])('%s is cut as SQLite cuts it', (sql, expected) => {
  expect(texts(sql)).toEqual(expected)
})

// SQLite itself says where a statement ends: what our tokens call a second one must be what it does not run.
test('a semicolon counts exactly where SQLite ends the statement', () => {
  const db = new DatabaseSync(':memory:')
  const part = fc.constantFrom(
    "'",
    '"',
    '`',
    '[',
    ']',
    ';',
    '--',
    '\n',
    '/*',
    '*/',
    ' ',
    'a',
    '1',
    "''",
    '$a(',
    ')',
    ':b',
    '?',
  )
  fc.assert(
    fc.property(fc.array(part, { maxLength: 8 }), (parts) => {
      const sql = `select 1 as a where 1 = 1 or ${parts.join('')}`
      let source: string
      try {
        // SQLite keeps the text of the first statement only.
        source = db.prepare(sql).sourceSQL
      } catch {
        return
      }
      const end = tokensOf(sql).find((token) => token.kind === 'symbol' && token.text === ';')
      if (end) expect(source.length).toBe(end.end)
      else expect(tokensOf(sql.slice(source.length))).toEqual([])
    }),
    { numRuns: 3_000 },
  )
})
