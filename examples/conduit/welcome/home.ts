import { readFileSync } from 'node:fs'
import { endpoint } from '../models.ts'

const page = readFileSync(new URL('home.html', import.meta.url), 'utf8')

/** The first thing a visitor sees: what runs here and where to look. */
export const home = endpoint('GET /', {
  anyone: true,
  transaction: false,
  handle: ({ reply }) => {
    reply.header('content-type', 'text/html; charset=utf-8')
    return page
  },
})
