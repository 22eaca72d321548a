import type { Backend } from '../runtime/index.ts'
import type { ColumnSpec, Field, TableSpec } from '../schema/index.ts'

/** What an app serves and keeps, each thing with what matters of it: what two runs are compared by. */
export interface Outline {
  routes: Record<string, string>
  schema: Record<string, string>
}

export interface OutlineChange {
  part: keyof Outline
  sign: '+' | '-' | '~'
  name: string
  /** What it is now; of what changed, before and after. */
  text: string
}

export function outlineOf(app: Backend): Outline {
  const routes = app.routes().map(({ method, path, access, transaction }) => {
    return [`${method} ${path}`, `${access}, ${transaction === 'none' ? 'no transaction' : transaction}`]
  })
  const tables = app.inspect().schema?.tables.filter(({ logged }) => logged) ?? []
  return { routes: Object.fromEntries(routes), schema: Object.fromEntries(tables.flatMap(tableLines)) }
}

function tableLines({ name, model, columns, key, indexes, references, checks, search }: TableSpec): [string, string][] {
  return [
    ...columns.map((column): [string, string] => [
      `${name}.${column.name}`,
      columnText(column, model?.fields.get(column.name) as Field | undefined),
    ]),
    [`${name} key`, key.join(', ')],
    ...indexes.map((index): [string, string] => [`index ${index.name}`, indexText(index)]),
    ...references.map((reference): [string, string] => [
      `${name}.${reference.column} →`,
      `${reference.table}.${reference.to}, on delete ${reference.onDelete}`,
    ]),
    ...checks.map((check): [string, string] => [`check ${check.name}`, JSON.stringify(check.filter)]),
    ...(search.length > 0 ? [[`${name} search`, search.join(', ')] as [string, string]] : []),
  ]
}

function columnText(
  { type: { type, ...details }, nullable, default: given, secret }: ColumnSpec,
  field?: Field,
): string {
  // The database keeps the values of an enum as text.
  const values = field?.kind === 'enum' ? field.options.values : undefined
  const inside = (values ?? Object.values(details).flat()).join(', ')
  const words = [nullable && 'nullable', given && `default ${JSON.stringify(given.value)}`, secret && 'secret']
  return [inside ? `${values ? 'enum' : type}(${inside})` : type, ...words.filter(Boolean)].join(', ')
}

function indexText({ fields, unique, where }: TableSpec['indexes'][number]): string {
  return `${unique ? 'unique ' : ''}(${fields.join(', ')})${where ? ` where ${JSON.stringify(where)}` : ''}`
}

/** What is new, gone and different, by part, in the order in which it is declared. */
export function outlineChanges(before: Outline, after: Outline): OutlineChange[] {
  return (['routes', 'schema'] as const).flatMap((part) => {
    const [old, now] = [before[part], after[part]]
    const gone = Object.entries(old).filter(([name]) => !(name in now))
    const kept = Object.entries(now).flatMap(([name, text]): OutlineChange[] => {
      if (!(name in old)) return [{ part, sign: '+', name, text }]
      return old[name] === text ? [] : [{ part, sign: '~', name, text: `${old[name]} ⇒ ${text}` }]
    })
    return [...gone.map(([name, text]): OutlineChange => ({ part, sign: '-', name, text })), ...kept]
  })
}
