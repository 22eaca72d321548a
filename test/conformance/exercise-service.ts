import { setImmediate as nextTurn } from 'node:timers/promises'
import { expect } from 'vitest'

/** What every service must do: the shape of src/runtime's `Service`. */
interface AnyService {
  start(): Promise<void>
  stop(): Promise<void>
}

export interface ExercisedService {
  service: AnyService
  /** Whether it serves, seen from outside: its port answers, its timer runs. */
  isRunning(): boolean | Promise<boolean>
}

/**
 * The start/stop contract, on the real service: double calls, a stop while it starts, a start while it stops, and a
 * storm of both.
 */
export async function exerciseService({ service, isRunning }: ExercisedService): Promise<void> {
  const running = async (expected: boolean, after: string) => expect(await isRunning(), after).toBe(expected)

  await service.stop()
  await running(false, 'a stop before any start')

  await Promise.all([service.start(), service.start()])
  await service.start()
  await running(true, 'a double start')

  await Promise.all([service.stop(), service.stop()])
  await service.stop()
  await running(false, 'a double stop')

  // Before it has begun, and at several moments while it starts.
  for (let turns = 0; turns < 4; turns++) {
    const interrupted = service.start().then(
      () => 'started',
      (error) => error.code,
    )
    for (let turn = 0; turn < turns; turn++) await nextTurn()
    await service.stop()
    await running(false, `a stop ${turns} turns after a start`)
    expect(['started', 'shutting_down']).toContain(await interrupted)
    await running(false, `a stop ${turns} turns after a start, when both have settled`)
  }

  await service.start()
  const stopping = service.stop()
  await service.start()
  await stopping
  await running(true, 'a start while stopping')

  // A fixed walk over both calls, none awaited, that ends with each of them once.
  for (const last of ['stop', 'start'] as const) {
    const calls = Array.from({ length: 40 }, (_, index) => ((index * 7) % 5 < 2 ? service.stop() : service.start()))
    await Promise.allSettled([...calls, service[last]()])
    await running(last === 'start', `a storm that ends with ${last}`)
  }
  await service.stop()
  await running(false, 'the end')
}
