import { foldedPairs } from './postgres-fold-pairs.ts'
import { wordBreaks } from './postgres-search-breaks.ts'

/** Folds case as `foldCase` does. */
export const foldFunction = 'monobloc_fold'

/** The words of a text for the full-text index. */
export const wordsFunction = 'monobloc_words'

/**
 * Functions of Monobloc's in the database. They stand in indexes and generated columns, so that what they answer goes by
 * no setting and no language of the database: comparisons, classes and cases are those of the collation "C", which knows
 * ASCII, and everything beyond is spelled out.
 */
interface OwnFunction {
  name: string
  language: 'sql' | 'plpgsql'
  returns: string
  /** As `pg_proc.prosrc` has it. */
  body: string
}

// What most text is needs no table: a regular expression finds what does, in a third of a microsecond. One that could be
// merged into the query around it is merged, so that there is no call.
const fold = `select case when octet_length($1) = length($1) or $1 collate "C" !~ '${classOf(foldedPairs.map(([from]) => from).join(''))}' then lower($1 collate "C") else monobloc_fold_rest(lower($1 collate "C")) end`

// translate() looks each character up by going through the list.
const foldRest = `declare folded text := $1;
begin
${foldedPairs.map(([from, to]) => `if folded collate "C" ~ '${classOf(from)}' then folded := translate(folded, '${from}', '${to}'); end if;`).join('\n')}
return folded;
end`

/**
 * Characters of a row's text that are searched: of as many, no tsvector outgrows its megabyte, at which an insert would
 * fail.
 */
export const searchedCharacters = 150_000

// An accent is what stands apart once letters are taken to pieces. A word in an index has at most 2,046 bytes, and words
// beyond the 16,383rd all have its place.
const words = `select coalesce(string_agg('''' || left(bare, 500) || ''':' || least(place, 16383), ' '), '')::tsvector
from regexp_split_to_table(monobloc_fold(left($1, ${searchedCharacters})) collate "C", '[${wordBreaks}]+') with ordinality as words(word, place),
lateral (select case when octet_length(word) = length(word) then word
  else regexp_replace(normalize(word, NFD) collate "C", '[\\u0300-\\u036f]+', '', 'g') end as bare) as bared
where bare <> ''`

/**
 * The functions in a schema. They name one another with it: who restores a dump, or writes with another search path, would
 * not find them else, and a clause that sets the path would keep them from being merged into queries.
 */
export function ownFunctionsIn(schema: string): OwnFunction[] {
  const within = `"${schema.replaceAll('"', '""')}".`
  const qualified = (body: string) => body.replace(/\bmonobloc_\w+(?=\()/g, (name) => within + name)
  return [
    { name: 'monobloc_fold_rest', language: 'plpgsql', returns: 'text', body: foldRest },
    { name: foldFunction, language: 'sql', returns: 'text', body: qualified(fold) },
    { name: wordsFunction, language: 'sql', returns: 'tsvector', body: qualified(words) },
  ]
}

export function createFunctionSql({ name, language, returns, body }: OwnFunction): string {
  return `CREATE OR REPLACE FUNCTION ${name}(text) RETURNS ${returns} LANGUAGE ${language} IMMUTABLE PARALLEL SAFE AS $body$${body}$body$`
}

/** Characters in ascending order as a class of a regular expression. */
function classOf(characters: string): string {
  const ranges: [number, number][] = []
  for (const character of characters) {
    const point = character.codePointAt(0)!
    const last = ranges.at(-1)
    if (last && last[1] === point - 1) last[1] = point
    else ranges.push([point, point])
  }
  const shown = ([from, to]: [number, number]) =>
    from === to ? String.fromCodePoint(from) : `${String.fromCodePoint(from)}-${String.fromCodePoint(to)}`
  return `[${ranges.map(shown).join('')}]`
}
