import { MonoblocError } from '../errors.ts'

/** Writes in the order in which they came. Removing the first costs the same however many wait. */
export class WriteQueue<Member> {
  readonly limit: number
  #members: Member[] = []
  #first = 0

  /** @param limit how many may wait; one more is refused with `overloaded` */
  constructor(limit: number) {
    this.limit = limit
  }

  get length(): number {
    return this.#members.length - this.#first
  }

  get first(): Member | undefined {
    return this.#members[this.#first]
  }

  push(member: Member): void {
    if (this.length >= this.limit) {
      throw new MonoblocError('overloaded', {
        detail: `${this.limit} writes wait already.`,
        headers: { 'Retry-After': '1' },
      })
    }
    this.#members.push(member)
  }

  shift(): Member | undefined {
    const member = this.#members[this.#first]
    if (!member) return undefined
    this.#members[this.#first] = undefined as unknown as Member
    this.#first++
    if (this.#first === this.#members.length) {
      this.#members = []
      this.#first = 0
    } else if (this.#first >= 1024) {
      // Moving the rest once in 1,024 calls keeps the array from growing while writes wait all the time.
      this.#members = this.#members.slice(this.#first)
      this.#first = 0
    }
    return member
  }

  /** Members whose turn has to be run again come first, in their order. They have waited, so the limit is not theirs. */
  unshift(members: readonly Member[]): void {
    this.#members = [...members, ...this.#members.slice(this.#first)]
    this.#first = 0
  }

  /** Takes out whoever the test picks. */
  remove(isOut: (member: Member) => boolean): Member[] {
    const waiting = this.#members.slice(this.#first)
    const out = waiting.filter(isOut)
    if (out.length > 0) {
      this.#members = waiting.filter((member) => !isOut(member))
      this.#first = 0
    }
    return out
  }
}
