import type { SearchMarker, SearchMarks } from '../sql/sql-engine.ts'
import { indexedWord } from './postgres-search.ts'

interface Word {
  start: number
  end: number
  found: boolean
}

/**
 * Marks the words that were searched for: the server's own functions for it read text as their language does, and would
 * miss what the index has found. Only what is shown is marked, which is a page at most.
 */
export function searchMarker(searched: readonly string[], { open, close, words: most }: SearchMarks): SearchMarker {
  const wanted = searched.map(indexedWord).filter((word) => word !== '')
  const beginning = wanted.at(-1)
  const whole = new Set(wanted)
  const isFound = (word: string) => {
    const indexed = indexedWord(word)
    return whole.has(indexed) || (beginning !== undefined && indexed.startsWith(beginning))
  }
  const wordsOf = (text: string): Word[] =>
    [...text.matchAll(/[\p{L}\p{M}\p{N}]+/gu)].map(({ 0: word, index }) => ({
      start: index,
      end: index + word.length,
      found: isFound(word),
    }))
  const marked = (text: string, words: readonly Word[], from: number, to: number) => {
    let result = ''
    let at = from
    for (const { start, end } of words.filter(({ found }) => found)) {
      result += `${text.slice(at, start)}${open}${text.slice(start, end)}${close}`
      at = end
    }
    return result + text.slice(at, to)
  }
  return {
    highlight: (text) => marked(text, wordsOf(text), 0, text.length),
    snippet(texts) {
      const given = texts.filter((text) => text !== null)
      const best = given
        .map((text) => ({ text, ...densest(wordsOf(text), most) }))
        .reduce((a, b) => (b.hits > a.hits ? b : a), {
          text: given[0] ?? '',
          words: [] as Word[],
          hits: 0,
          first: 0,
          all: 0,
        })
      const { text, words, first, all } = best
      if (words.length === 0) return marked(text, [], 0, 0)
      const isStart = first === 0
      const isEnd = first + words.length === all
      const from = isStart ? 0 : words[0]!.start
      const to = isEnd ? text.length : words.at(-1)!.end
      return `${isStart ? '' : '…'}${marked(text, words, from, to)}${isEnd ? '' : '…'}`
    },
  }
}

/** The first run of at most so many words that holds most of those that were found. */
function densest(words: readonly Word[], most: number): { words: Word[]; first: number; hits: number; all: number } {
  let hits = 0
  let best = { first: 0, hits: 0 }
  words.forEach((word, at) => {
    if (word.found) hits++
    if (words[at - most]?.found) hits--
    const first = Math.max(0, at - most + 1)
    if (hits > best.hits) best = { first, hits }
  })
  // What was found stands in the middle of what is shown, where there is more.
  const last = words.findLastIndex(({ found }, at) => found && at < best.first + most)
  const start = words.findIndex(({ found }, at) => found && at >= best.first)
  const room = most - (last - start + 1)
  const first = Math.max(0, Math.min(start - Math.floor(room / 2), words.length - most))
  return { words: words.slice(first, first + most), first, hits: best.hits, all: words.length }
}
