import type { RequestHandler } from 'express'
import session from 'express-session'

declare module 'express-session' {
  interface SessionData {
    userId?: string
  }
}

/** Both halves see the same `req.session`. In production it belongs into a store, as in any Express app. */
export const sessions: RequestHandler = session({
  name: 'shop',
  secret: process.env.SESSION_SECRET ?? 'only for development',
  resave: false,
  saveUninitialized: false,
  cookie: { sameSite: 'lax', httpOnly: true },
})
