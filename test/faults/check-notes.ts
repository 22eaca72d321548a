import { type Acknowledged, presenceOf } from './acknowledged.ts'
import { type Json, rowsBy, rowsById } from './contents.ts'
import type { NoteContent } from './operation.ts'

type Stored = NoteContent & { slot: string }

/**
 * Each slot holds what its last acknowledged change left there, or what a later one left whose answer nobody saw.
 * Settles those: what is there now must stay, what is not must not come.
 */
export function checkNotes(tables: Map<string, Json[]>, ledger: Acknowledged): string[] {
  const violations: string[] = []
  const stored = storedNotes(tables)
  const changes = Map.groupBy(ledger.of('note'), ({ operation }) => operation.slot)
  for (const slot of stored.keys()) {
    if (!changes.has(slot)) violations.push(`note ${slot} is there and nobody wrote it`)
  }
  for (const [slot, sent] of changes) {
    const found = stored.get(slot) ?? null
    const last = sent.findLastIndex((change) => presenceOf(change) === 'present')
    const later = sent.slice(last + 1).filter((change) => presenceOf(change) === 'either')
    const allowed = [
      last < 0 ? null : sent[last]!.operation.content,
      ...later.map(({ operation }) => operation.content),
    ]
    const at = allowed.findLastIndex((content) => isSame(content, found))
    if (at < 0) violations.push(`note ${slot} is ${show(found)} where ${allowed.map(show).join(' or ')} was written`)
    for (const [index, change] of later.entries()) change.outcome = index < at ? 'kept' : 'gone'
  }
  return violations
}

function storedNotes(tables: Map<string, Json[]>): Map<string, Stored> {
  const links = rowsBy(tables, 'note_tags', 'note')
  const names = rowsById(tables, 'tag')
  const stored = new Map<string, Stored>()
  for (const { id, ...note } of tables.get('note') ?? []) {
    const tags = (links.get(id) ?? []).map(({ tag }) => String(names.get(tag)?.name)).sort()
    stored.set(String(note.slot), { ...note, tags } as Stored)
  }
  return stored
}

function isSame(expected: NoteContent | null, found: NoteContent | null): boolean {
  if (!expected || !found) return expected === found
  return expected.title === found.title && expected.body === found.body && expected.tags.join() === found.tags.join()
}

function show(content: NoteContent | null): string {
  return content
    ? `"${content.title}" (${content.body.length} characters, tags ${content.tags.join(' ') || 'none'})`
    : 'absent'
}
