import { createHmac, createSecretKey, type KeyObject } from 'node:crypto'
import { MonoblocError } from '../errors.ts'

/** What an access token says. */
export interface TokenClaims {
  /** The key of the user, as text. */
  subject: string
  /** Milliseconds since the epoch. */
  expires: number
}

export interface TokenOptions {
  /** At least 32 bytes. */
  secret: string
  /** Who issues and accepts: the name of the backend. */
  issuer: string
  /** Seconds a token lives. */
  lifetime: number
  now?: () => number
}

// One signature is checked in about 50 µs and off the main thread; a token is seen many times in its short life.
const mostRemembered = 10_000

/**
 * Access tokens: signed JWTs (RFC 7519, HS256, `typ: at+jwt` as RFC 9068 asks), which any process with the secret can
 * check without the database.
 */
export class Tokens {
  readonly lifetime: number
  readonly #key: KeyObject
  readonly #issuer: string
  readonly #now: () => number
  readonly #seen = new Map<string, TokenClaims>()

  /** @throws MonoblocError `configuration_invalid` for a secret that is too short for its algorithm (RFC 7518, 3.2) */
  constructor(options: TokenOptions) {
    const secret = Buffer.from(options.secret, 'utf8')
    if (secret.length < 32) {
      throw new MonoblocError('configuration_invalid', { detail: 'The secret of tokens has at least 32 bytes.' })
    }
    this.#key = createSecretKey(secret)
    this.#issuer = options.issuer
    this.lifetime = options.lifetime
    this.#now = options.now ?? Date.now
  }

  /** A new token for a user. Made at once, because a transaction may not await it. */
  issue(subject: string): string {
    const now = Math.floor(this.#now() / 1000)
    const claims = { iss: this.#issuer, aud: this.#issuer, sub: subject, iat: now, exp: now + this.lifetime }
    const signed = `${encodedHeader}.${encoded(claims)}`
    return `${signed}.${createHmac('sha256', this.#key).update(signed).digest('base64url')}`
  }

  /**
   * What a token says; a token seen before is answered at once.
   *
   * @throws MonoblocError `invalid_token`
   */
  verify(token: string): TokenClaims | Promise<TokenClaims> {
    const known = this.#seen.get(token)
    if (!known) return this.#check(token)
    if (known.expires <= this.#now()) {
      this.#seen.delete(token)
      throw refused('The token has expired.')
    }
    return known
  }

  async #check(token: string): Promise<TokenClaims> {
    const { jwtVerify } = await import('jose')
    try {
      const { payload } = await jwtVerify(token, this.#key, {
        algorithms: ['HS256'],
        typ: 'at+jwt',
        issuer: this.#issuer,
        audience: this.#issuer,
        requiredClaims: ['sub', 'exp'],
        currentDate: new Date(this.#now()),
      })
      const claims = { subject: payload.sub!, expires: payload.exp! * 1000 }
      if (this.#seen.size >= mostRemembered) this.#seen.delete(this.#seen.keys().next().value!)
      this.#seen.set(token, claims)
      return claims
    } catch (cause) {
      throw refused(cause instanceof Error ? cause.message : 'The token is not valid.', cause)
    }
  }
}

function encoded(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url')
}

const encodedHeader = encoded({ alg: 'HS256', typ: 'at+jwt' })

// RFC 6750, section 3.1.
function refused(detail: string, cause?: unknown): MonoblocError {
  return new MonoblocError('invalid_token', {
    detail,
    cause,
    headers: { 'WWW-Authenticate': 'Bearer error="invalid_token"' },
  })
}
