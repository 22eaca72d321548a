export class Searches {
  constructor(_: unknown) {}
  search(..._: unknown[]): any {
    throw new Error('not yet')
  }
}
