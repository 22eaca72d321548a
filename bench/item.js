export const itemCount = 100_000
export const words = 'salt paper clocks gardens bridges rivers bread bicycles glass maps bees trains'.split(' ')
export const start = Date.parse('2026-01-01T00:00:00.000Z')
/** The row with this id before anybody writes, 1 to `itemCount`. The greater the id, the newer. */
export function itemAt(id) {
  return {
    id,
    title: `Item ${id} about ${words[id % words.length]}`,
    body: bodyAt(id),
    done: id % 3 === 0,
    createdAt: new Date(start + id * 1000).toISOString(),
  }
}
/** 200 characters. */
export function bodyAt(id) {
  let body = `${id}:`
  for (let at = id; body.length < 200; at = (at * 7 + 3) % 1009) body += ` ${words[at % words.length]}`
  return body.slice(0, 200)
}
