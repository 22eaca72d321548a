import type { Expression } from 'kysely'
import { MonoblocError } from '../../errors.ts'
import type { MaybePromise, Session, SqlValue } from '../storage.ts'
import { sql } from './kysely.ts'
import { chain, each } from './maybe-promise.ts'
import type { LinkField, ModelPlan, ModelPlans } from './model-plan.ts'
import type { AnyRow } from './query.ts'
import { compileTemplate, Slot, type Template } from './template.ts'

interface LinkTemplates {
  /** Links the row of slot 0 to the rows listed in slot 1, as far as they exist. */
  add: Template
  /** Unlinks the row of slot 0 from all but the rows listed in slot 1. */
  keep: Template
  /** Unlinks the row of slot 0 from the rows listed in slot 1. */
  remove: Template
  /** How many rows the row of slot 0 is linked to. */
  count: Template
  /** The keys of the rows listed in slot 0, as far as they exist. */
  existing: Template
}

type GivenLink = { link: LinkField; keys: readonly unknown[] }

/** All links of a row, or those that come and go. */
type LinkChange = {
  link: LinkField
  keys: readonly unknown[] | { add?: readonly unknown[]; remove?: readonly unknown[] }
}

/** The rows of link tables that many-to-many fields stand for. One statement links to any number of rows. */
export class LinkWriter {
  readonly #plans: ModelPlans
  readonly #templates = new Map<LinkField, LinkTemplates>()

  constructor(plans: ModelPlans) {
    this.#plans = plans
  }

  /** Links a new row. @throws MonoblocError `reference_not_found` with the place of each key in the list */
  add(session: Session, plan: ModelPlan, row: AnyRow, links: readonly GivenLink[]): MaybePromise<void> {
    return each(links, ({ link, keys }) => {
      const distinct = [...new Set(keys)]
      if (distinct.length === 0) return undefined
      const values = this.#values(plan, row, link, distinct)
      const { add } = this.#of(plan, link)
      return chain(session.run(add.statement, values), (added) =>
        added === distinct.length ? undefined : this.#refuse(session, plan, link, keys),
      )
    })
  }

  /** Changes the links of a row, touching none that stays. @throws MonoblocError `reference_not_found` */
  change(session: Session, plan: ModelPlan, row: AnyRow, links: readonly LinkChange[]): MaybePromise<void> {
    return each(links, ({ link, keys }) => {
      if (isList(keys)) return this.#replace(session, plan, row, link, keys)
      return this.#addAndRemove(session, plan, row, link, keys)
    })
  }

  #replace(
    session: Session,
    plan: ModelPlan,
    row: AnyRow,
    link: LinkField,
    keys: readonly unknown[],
  ): MaybePromise<void> {
    const distinct = [...new Set(keys)]
    const values = this.#values(plan, row, link, distinct)
    const { add, keep, count } = this.#of(plan, link)
    return chain(session.run(keep.statement, values), () =>
      chain(session.run(add.statement, values), () =>
        chain(session.value(count.statement, [values[0]!]), (linked) =>
          Number(linked) === distinct.length ? undefined : this.#refuse(session, plan, link, keys),
        ),
      ),
    )
  }

  // A key in both lists ends up linked.
  #addAndRemove(
    session: Session,
    plan: ModelPlan,
    row: AnyRow,
    link: LinkField,
    { add: added = [], remove: removed = [] }: { add?: readonly unknown[]; remove?: readonly unknown[] },
  ): MaybePromise<void> {
    const { add, remove, existing } = this.#of(plan, link)
    const coming = this.#values(plan, row, link, added)
    const unlinked = removed.length === 0 ? 0 : session.run(remove.statement, this.#values(plan, row, link, removed))
    return chain(unlinked, () => {
      if (added.length === 0) return undefined
      return chain(session.all(existing.statement, [coming[1]!]), (there) => {
        if (there.length < new Set(added).size) return this.#refuse(session, plan, link, added)
        return chain(session.run(add.statement, coming), () => undefined)
      })
    })
  }

  #values(plan: ModelPlan, row: AnyRow, link: LinkField, keys: readonly unknown[]): SqlValue[] {
    const { dialect } = this.#plans
    const [near] = plan.key
    const [far] = this.#plans.of(link.to).key
    return [dialect.encode(near!.type, row[near!.name]), dialect.encodeList(far!.type, keys)]
  }

  #refuse(session: Session, plan: ModelPlan, link: LinkField, keys: readonly unknown[]): MaybePromise<never> {
    const { dialect } = this.#plans
    const [far] = this.#plans.of(link.to).key
    const { existing } = this.#of(plan, link)
    return chain(session.all(existing.statement, [dialect.encodeList(far!.type, keys)]), (rows) => {
      const identity = (key: unknown) => String(dialect.encode(far!.type, key))
      const there = new Set(rows.map((row) => identity(dialect.decode(far!.type, row.key!))))
      const violations = keys.flatMap((key, at) =>
        there.has(identity(key))
          ? []
          : [{ path: [link.name, at], code: 'reference_not_found', message: `refers to no ${link.to.name}` }],
      )
      throw new MonoblocError('reference_not_found', { subject: plan.name, violations })
    })
  }

  #of(plan: ModelPlan, link: LinkField): LinkTemplates {
    let templates = this.#templates.get(link)
    if (!templates) {
      templates = this.#compile(plan, link)
      this.#templates.set(link, templates)
    }
    return templates
  }

  #compile(_: ModelPlan, link: LinkField): LinkTemplates {
    const { dialect } = this.#plans
    const target = this.#plans.of(link.to)
    const [key] = target.key
    const table = sql.table(link.table)
    const near = sql.ref(link.near)
    const far = sql.ref(link.far)
    const isListed = (value: Expression<unknown>, slot = 1) => dialect.isIn(key!.type, value, sql`${new Slot(slot)}`)
    const keyOf = sql.ref(`t.${key!.name}`)
    const targets = sql`${sql.table(target.name)} as t`
    // A deleted row can't be linked to. Links to it are not seen, so that a list without it doesn't mean to end them.
    const isLive = target.deletedAt ? sql`${sql.ref(`t.${target.deletedAt.name}`)} is null` : undefined
    const live = isLive ? sql` and ${isLive}` : sql``
    const linked = sql.ref(`${link.table}.${link.far}`)
    const seen = isLive ? sql` and exists (select 1 from ${targets} where ${keyOf} = ${linked} and ${isLive})` : sql``
    const compile = (query: Parameters<typeof compileTemplate>[1]) => compileTemplate(dialect, query, 'bounded')
    return {
      add: compile(
        sql`insert into ${table} (${near}, ${far}) select ${new Slot(0)}, ${keyOf} from ${targets} where ${isListed(keyOf)}${live} on conflict do nothing`,
      ),
      keep: compile(sql`delete from ${table} where ${near} = ${new Slot(0)} and not (${isListed(far)})${seen}`),
      remove: compile(sql`delete from ${table} where ${near} = ${new Slot(0)} and ${isListed(far)}`),
      count: compile(sql`select count(*) from ${table} where ${near} = ${new Slot(0)}${seen}`),
      existing: compile(
        sql`select ${dialect.selected(key!.type, keyOf)} as key from ${targets} where ${isListed(keyOf, 0)}${live}`,
      ),
    }
  }
}

function isList(keys: LinkChange['keys']): keys is readonly unknown[] {
  return Array.isArray(keys)
}
