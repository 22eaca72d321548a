import { missingServer, newDatabase, type TestDatabase } from '../conformance/postgres-database.ts'

const shown = /postgres:\/\/localhost\/\w+/g

/** Why a page with this text can't run here. */
export function missingDatabase(page: string): string | undefined {
  return page.search(shown) >= 0 ? missingServer() : undefined
}

/** The PostgreSQL databases of a page, which says `postgres://localhost/NAME`: each is a real one, and empty at first. */
export class PageDatabases {
  readonly #databases = new Map<string, Promise<TestDatabase>>()

  /** The text with the URLs of real ones. */
  async real(text: string): Promise<string> {
    const names = new Set(text.match(shown))
    for (const name of names) {
      let made = this.#databases.get(name)
      if (!made) this.#databases.set(name, (made = newDatabase()))
      text = text.replaceAll(name, (await made).url)
    }
    return text
  }

  /** Printed text with the URLs that the page has. */
  async shown(text: string): Promise<string> {
    for (const [name, made] of this.#databases) {
      const { url } = await made
      // A report leaves the password out.
      const place = url.replace(/:[^/:@]*@/, '@')
      text = text.replaceAll(url, name).replaceAll(place, name)
    }
    return text
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const made of this.#databases.values()) await (await made).drop()
  }
}
