export class Aggregates {
  constructor(_: unknown) {}
  aggregate(..._: unknown[]): any {
    throw new Error('not yet')
  }
}
