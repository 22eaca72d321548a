import type { Action } from '../commit/index.ts'
import type { ExplainedStatement } from '../storage/index.ts'
import type { Backend, RouteInfo, StartOptions } from './backend-types.ts'

export interface ExplainOptions extends Pick<StartOptions, 'environment' | 'folder'> {
  /** The key of the user as whom it is asked. Default: nobody. */
  user?: string
}

/** What a request, or a filter of a model, comes to. */
export interface Explanation {
  route: RouteInfo
  /** The key of who asks; null for nobody. */
  user: string | null
  /** What the policies come to for them, by model and action: a filter, or true or false. */
  policy: { model: string; action: Action; rule: unknown }[]
  /** What was answered; null where it was not asked, because it could write. */
  answer: { status: number; bytes: number; problem: string | null } | null
  /**
   * Where the app runs it: PostgreSQL on its server; SQLite in process, or in a reader process once one statement may take
   * long. Null where it was not asked.
   */
  runs: 'in process' | 'in a reader process' | 'on the server' | null
  statements: ExplainedStatement[]
}

/**
 * Asks what a GET (or a filter: `article?status=open`) asks, over the app's database as it is, and says what happened.
 * Nothing is written: what could write is not asked. Middleware of the app does not run.
 *
 * @param what `GET /articles?author=x`, `/articles`, or a model's name with the parameters of a list
 * @throws MonoblocError `not_found` for no route, no model or no user, `configuration_invalid`
 */
export async function explain(app: Backend, what: string, options: ExplainOptions = {}): Promise<Explanation> {
  // It loads the database, which an app without models does not.
  return (await import('./explain-run.ts')).runExplain(app, what, options)
}
