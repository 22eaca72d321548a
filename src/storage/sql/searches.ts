import { randomBytes } from 'node:crypto'
import { MonoblocError } from '../../errors.ts'
import type { AnyModel } from '../../schema/index.ts'
import type { MaybePromise, Session, SqlValue } from '../storage.ts'
import { Asked, positive } from './include-resolve.ts'
import { hashOf, listOfCursor } from './keyset.ts'
import { sql } from './kysely.ts'
import { chain } from './maybe-promise.ts'
import type { ModelPlan, ModelPlans } from './model-plan.ts'
import type { SearchHit, SearchPage, SearchQuery } from './query.ts'
import { fieldsShape, levelOf, type PlacedCondition, type ReadLevel } from './read-level.ts'
import { neededColumns, ref } from './read-sql.ts'
import { begin, type ReadTemplate, rowColumns, unlessTooMany } from './read-template.ts'
import { searchWords } from './search-words.ts'
import type { SearchMarker } from './sql-engine.ts'
import { compileTemplate, laidOut, Shapes, Slot } from './template.ts'

const keptShapes = 128
const defaultLimit = 20
/** Hits that can be paged through: people refine a search long before, and each page ranks all hits anew. */
const deepestHit = 10_000
/** Words of a snippet: two or three lines. */
const snippetWords = 24

// Around what was found, until the text is escaped. Nobody can have written it: it is made up anew in each process.
const nonce = randomBytes(6).toString('hex')
const marks = { open: `\u0002${nonce}`, close: `\u0003${nonce}`, words: snippetWords }

/** Full-text search, best first. */
export class Searches {
  readonly #plans: ModelPlans
  readonly #templates = new Shapes<ReadTemplate>(keptShapes)

  constructor(plans: ModelPlans) {
    this.#plans = plans
  }

  search(session: Session, model: AnyModel, text: string, query: SearchQuery = {}): MaybePromise<SearchPage> {
    const plan = this.#plans.of(model)
    const { engine } = this.#plans
    const words = searchWords(plan, text)
    const hash = hashOf(`${plan.name}?${words.join(' ')}`)
    const { fields, highlight = false } = query
    const asked = new Asked(this.#plans, `${plan.name}:${fieldsShape(fields)}:${highlight}`, query.restrict)
    const includes = asked.includes(plan, query.include, ['include'], 1)
    const matchAt = asked.value(engine.searchQuery(words))
    const where = asked.rows(plan, query.where, query.withDeleted)
    const most = positive('limit', query.limit ?? defaultLimit)
    const skipped = query.after === undefined ? 0 : skippedBy(query.after, hash)
    const limitAt = asked.value(Math.min(most + 1, deepestHit - skipped))
    asked.value(skipped)
    const compile = () => this.#compile(levelOf(plan, fields, includes), { matchAt, where, limitAt, highlight })
    const template = this.#templates.get(asked.key) ?? this.#templates.set(asked.key, compile())
    return unlessTooMany(engine, template, () =>
      chain(session.rows(template.statement, laidOut(template, asked.values)), (rows) => {
        const more = rows.length > most
        if (more) rows.length = most
        const next = more ? cursorOf(hash, skipped + most) : null
        const marker = highlight ? engine.marker?.(words, marks) : undefined
        return { hits: rows.map((cells) => hitOf(plan, template, cells, highlight, marker)), next }
      }),
    )
  }

  #compile(level: ReadLevel, shape: SearchShape): ReadTemplate {
    const { writer, table, base } = begin(this.#plans, 'rows', level)
    const { plan } = level
    const index = this.#plans.engine.searchIndex(plan, table, sql`${new Slot(shape.matchAt)}`, marks)
    const chosen = writer.alias()
    const snippet = index.snippet ? [index.snippet] : []
    const marked = shape.highlight ? [...plan.search.map((_, at) => index.highlight(at)), ...snippet] : []
    const made = [index.rank, ...marked]
    const names = ['~rank', ...marked.map((_, at) => (at < plan.search.length ? `~h${at}` : '~snippet'))]
    const outer = sql.join([rowColumns(writer, level, chosen), ...names.map((name) => sql.id(chosen, name))])
    const inner = sql.join([
      ...neededColumns(level).map(({ name }) => sql`${ref(table, name)} as ${sql.ref(name)}`),
      ...made.map((value, at) => sql`${value} as ${sql.id(names[at]!)}`),
    ])
    const found = sql`${index.matches}${writer.and(shape.where, table)}`
    const limit = sql`limit ${new Slot(shape.limitAt)} offset ${new Slot(shape.limitAt + 1)}`
    const query = sql`select ${outer} from (select ${inner} from ${index.rows} where ${found} order by ${index.order} ${limit}) as ${sql.ref(chosen)}`
    return { ...base, ...compileTemplate(this.#plans.dialect, query, 'plan') }
  }
}

interface SearchShape {
  matchAt: number
  where: PlacedCondition | undefined
  limitAt: number
  highlight: boolean
}

// A rank holds for one answer only, so that a page begins after a number of hits, not after a rank.
function cursorOf(hash: string, skipped: number): string | null {
  return skipped < deepestHit ? Buffer.from(JSON.stringify([hash, skipped])).toString('base64url') : null
}

function skippedBy(cursor: unknown, hash: string): number {
  const [made, skipped, ...rest] = listOfCursor(cursor)
  const isOurs = made === hash && Number.isSafeInteger(skipped) && rest.length === 0
  if (!isOurs || (skipped as number) < 1 || (skipped as number) >= deepestHit) throw new MonoblocError('invalid_cursor')
  return skipped as number
}

function hitOf(
  plan: ModelPlan,
  { codec }: ReadTemplate,
  cells: readonly SqlValue[],
  highlight: boolean,
  marker: SearchMarker | undefined,
): SearchHit {
  const [rank, ...made] = cells.slice(codec.width) as [SqlValue, ...(string | null)[]]
  const hit: SearchHit = { row: codec.row(cells), rank: Number(rank) }
  if (!highlight) return hit
  const texts = made.slice(0, plan.search.length)
  const highlights = marker ? texts.map((text) => (text === null ? null : marker.highlight(text))) : texts
  hit.highlights = Object.fromEntries(plan.search.map((name, at) => [name, marked(highlights[at]!)]))
  hit.snippet = marked(marker ? marker.snippet(texts) : made[plan.search.length]!) ?? ''
  return hit
}

const entities: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' }

function marked(text: string | null): string | null {
  if (text === null) return null
  const escaped = text.replace(/[&<>"']/g, (character) => entities[character]!)
  return escaped.replaceAll(marks.open, '<mark>').replaceAll(marks.close, '</mark>')
}
