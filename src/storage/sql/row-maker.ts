import type { AnyRow } from './query.ts'

type Decode = (cell: never) => unknown
type Cells = readonly unknown[]

/** What a row is made of: for each field its name, the place of its cell, and what the cell is decoded by. */
export interface RowParts {
  names: readonly string[]
  places: readonly number[]
  decodes: readonly (Decode | undefined)[]
}

/** A function takes some 30 us to compile, which it gains in as many rows. Most shapes that clients make up end before. */
const rowsBeforeCompiling = 200

/**
 * Makes rows of cells: by a loop at first, and where many are made by a function that knows their fields, which takes a
 * quarter of the time. What that is written from are names of fields, as JSON text. Where the process may compile none
 * (`--disallow-code-generation-from-strings`), it stays at the loop.
 */
export function rowMaker(parts: RowParts): (cells: Cells) => AnyRow {
  let made = 0
  let compiled: ((cells: Cells) => AnyRow) | undefined
  return (cells) => {
    if (compiled) return compiled(cells)
    if (++made === rowsBeforeCompiling) compiled = compile(parts)
    return looped(parts, cells)
  }
}

function looped({ names, places, decodes }: RowParts, cells: Cells): AnyRow {
  const row: AnyRow = {}
  for (let at = 0; at < names.length; at++) {
    const value = cells[places[at]!]
    const decode = decodes[at]
    row[names[at]!] = decode === undefined || value === null ? value : decode(value as never)
  }
  return row
}

function compile({ names, places, decodes }: RowParts): ((cells: Cells) => AnyRow) | undefined {
  const fields = names.map((name, at) => {
    const cell = `c[${places[at]}]`
    return `${JSON.stringify(name)}: ${decodes[at] ? `${cell} === null ? null : d${at}(${cell})` : cell}`
  })
  const source = `const [${names.map((_, at) => `d${at}`).join()}] = decodes\nreturn (c) => ({ ${fields.join()} })`
  try {
    return new Function('decodes', source)(decodes) as (cells: Cells) => AnyRow
  } catch (error) {
    if (error instanceof EvalError) return undefined
    throw error
  }
}
