import { readFileSync } from 'node:fs'
import { endpoint } from '../models.ts'

const page = readFileSync(new URL('home.html', import.meta.url), 'utf8')

/** The first thing a visitor sees: what runs here and where to look. */
export const home = endpoint('GET /', {
  anyone: true,
  transaction: false,
  reference: false,
  handle: ({ reply, headers }) => {
    reply.header('content-type', 'text/html; charset=utf-8')
    reply.header('content-security-policy', "default-src 'none'; style-src 'unsafe-inline'; img-src data:")
    const host = /^[\w.:[\]-]+$/.exec(headers.host ?? '')?.[0] ?? 'localhost:3000'
    return page.replace('{origin}', `http://${host}`)
  },
})
