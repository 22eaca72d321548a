import { endpoint, Note, resource } from './models.ts'

export const write = endpoint('POST /notes', {
  body: Note.input('title', 'body'),
  returns: { 201: Note },
  handle: ({ body, user, db }) => db.insert(Note, { ...body, author: user.id }),
})

export const notes = resource(Note, { at: '/notes', actions: ['list', 'read', 'update', 'delete'] })
