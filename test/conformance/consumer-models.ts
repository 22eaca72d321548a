import { model, t } from '../../src/schema/index.ts'

export const Note = model('note', { id: t.serial(), number: t.integer() })
/** What a consumer has made of notes. */
export const Effect = model('effect', { id: t.serial(), number: t.integer(), by: t.text() })
