import { expect } from 'vitest'

export interface ExercisedConsumer {
  /** Another process that runs it. */
  start(): Promise<{ stop(): Promise<void> }>
  /** Commits what the consumer follows: the number is to come back out of `effects`. */
  write(number: number): Promise<unknown>
  /** The numbers whose effects are there, in the order in which they came. */
  effects(): Promise<number[]>
  /** Resolves when the consumer has nothing left to do. */
  idle(): Promise<void>
}

/**
 * What everything that follows the log must do, whoever starts and stops around it: each entry has its effects once, in
 * the order of the log, also with two processes at a time and while others write.
 */
export async function exerciseLogConsumer({ start, write, effects, idle }: ExercisedConsumer): Promise<void> {
  const first = await start()
  await write(1)
  await idle()
  expect(await effects(), 'one that runs').toEqual([1])

  await first.stop()
  await write(2)
  await write(3)
  expect(await effects(), 'one that is stopped').toEqual([1])
  const again = await start()
  await idle()
  expect(await effects(), 'one that was started again').toEqual([1, 2, 3])

  const other = await start()
  for (let number = 4; number <= 40; number++) await write(number)
  await again.stop()
  for (let number = 41; number <= 60; number++) await write(number)
  await idle()
  const all = Array.from({ length: 60 }, (_, at) => at + 1)
  expect(await effects(), 'two of which one stops').toEqual(all)

  await Promise.all([other.stop(), other.stop()])
  await (await start()).stop()
  expect(await effects(), 'a start and a stop at once').toEqual(all)
}
