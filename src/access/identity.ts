import { MonoblocError } from '../errors.ts'
import type { AnyModel, Field } from '../schema/index.ts'
import { fieldValidator, valueField } from '../schema/index.ts'
import type { AnyRow, MaybePromise, Queries, Session, Storage } from '../storage/index.ts'
import { bearerToken } from './bearer.ts'
import type { TokenClaims, Tokens } from './token.ts'

export interface IdentityOptions {
  storage: Storage
  queries: Queries
  tokens: Tokens
  user: AnyModel
  /** Words that may stand before the token, in any case. Default: `['Bearer']`. */
  schemes?: readonly string[]
}

// One row by its key: what is slower than this is a database in trouble.
const lookupDeadline = 5000

/** Says who sends a request, from its Authorization header. */
export class Identity {
  readonly #options: IdentityOptions
  readonly #schemes: readonly string[]
  readonly #isNumber: boolean

  constructor(options: IdentityOptions) {
    this.#options = options
    const { kind } = valueField(options.user.fields.get(options.user.key[0]!) as Field)
    this.#isNumber = kind === 'serial' || kind === 'integer'
    this.#schemes = (options.schemes ?? ['Bearer']).map((scheme) => scheme.toLowerCase())
  }

  /**
   * The user's row, or null without credentials.
   *
   * @throws MonoblocError `invalid_token`, also when the user is no more
   */
  identify(authorization: string | undefined): MaybePromise<AnyRow | null> {
    const token = bearerToken(authorization, this.#schemes)
    if (token === undefined) return null
    const claims = this.#options.tokens.verify(token)
    return claims instanceof Promise ? claims.then((known) => this.#user(known)) : this.#user(claims)
  }

  /**
   * The row of a key that something other than a token has proved.
   *
   * @throws MonoblocError `invalid_token` when the user is no more
   */
  byKey(key: unknown): MaybePromise<AnyRow> {
    return this.#user({ subject: key instanceof Date ? key.toISOString() : String(key) })
  }

  /** The same user as a transaction sees it. */
  async again(session: Session, user: AnyRow): Promise<AnyRow> {
    const { queries, user: model } = this.#options
    return (await queries.get(session, model, user[model.key[0]!])) ?? gone()
  }

  /** A new access token for a user's row. */
  issue(user: object): string {
    return this.#options.tokens.issue(this.keyOf(user))
  }

  /** What names a user in tokens and in the log. */
  keyOf(user: object): string {
    const { user: model } = this.#options
    const key = (user as AnyRow)[model.key[0]!]
    if (key === undefined || key === null)
      throw new MonoblocError('definition_invalid', { subject: model.name, detail: `This is no row of ${model.name}.` })
    return key instanceof Date ? key.toISOString() : String(key)
  }

  /** The key that `keyOf` wrote as text. */
  #keyFrom(subject: string): unknown {
    const { user } = this.#options
    const result = fieldValidator(user.fields.get(user.key[0]!) as Field).safeParse(
      this.#isNumber ? Number(subject) : subject,
    )
    return result.success ? result.data : undefined
  }

  #user({ subject }: Pick<TokenClaims, 'subject'>): MaybePromise<AnyRow> {
    const { storage, queries, user } = this.#options
    const key = this.#keyFrom(subject)
    if (key === undefined) return gone()
    const row = storage.read({ deadline: lookupDeadline }, (session) => queries.get(session, user, key))
    return row instanceof Promise ? row.then((found) => found ?? gone()) : (row ?? gone())
  }
}

function gone(): never {
  throw new MonoblocError('invalid_token', {
    detail: 'The user of this token is no more.',
    headers: { 'WWW-Authenticate': 'Bearer error="invalid_token"' },
  })
}
