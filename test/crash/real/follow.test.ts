import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { openLog } from '../../../lib/index.ts'
import { Child } from './children.ts'
import type { FollowSettings } from './follow-child.ts'
import type { FollowThreadData } from './follow-thread.ts'
import { temporaryDirectory } from './machine.ts'
import { ANY_SEED, SMALL_SEGMENT_BYTES, type Sample, sample } from './records.ts'

/** Whatever holds a process longer holds it for ever. */
const ENDS_WITHIN_MS = 10_000
/** Time enough for a process that nothing keeps to end. */
const IDLE_MS = 400

async function write(directory: string, count: number): Promise<void> {
  const log = await openLog<Sample>(directory, { segmentBytes: SMALL_SEGMENT_BYTES })
  for (let left = count; left > 0; left--) await log.commit(sample(ANY_SEED, 1, log.lastSequence + 1))
  await log.close()
}

/** How Node ends a program whose own `await` nothing can settle any more. */
const NEVER_SETTLED = 13

const LEAVES: readonly (readonly [FollowSettings['leaves'], number])[] = [
  ['breaks', 0],
  ['returns', 0],
  ['closes', 0],
  ['aborts', 0],
  ['stops asking', NEVER_SETTLED],
]

describe('B12 a program that only follows', () => {
  test.each(LEAVES)(
    'stays alive while it waits for a writer that comes later, and ends once it %s',
    async (leaves, code) => {
      const directory = path.join(temporaryDirectory(), 'log')
      await write(directory, 2)
      const child = new Child('follow-child.ts', { directory, last: 5, leaves } satisfies FollowSettings)
      await child.line('got 2')
      await sleep(IDLE_MS)
      await write(directory, 3)
      expect(await child.endWithin(ENDS_WITHIN_MS), child.lines.join('\n')).toEqual({ code, signal: null })
      const got = [1, 2, 3, 4, 5].map((sequence) => `got ${sequence}`)
      expect(child.lines).toEqual(code === 0 ? [...got, 'left'] : got)
    },
  )
})

test('B12 a thread of the process that writes reads and follows beside it, and ends by itself', async () => {
  const directory = path.join(temporaryDirectory(), 'log')
  const settings: FollowThreadData = { directory, before: 300, last: 1500 }
  const child = new Child('follow-worker-child.ts', settings)
  expect(await child.endWithin(30_000), child.lines.join('\n')).toEqual({ code: 0, signal: null })
  expect(await child.told('followed')).toEqual({ writer: 'alive', readAll: true, followed: 1500 })
  expect(await child.told('thread ended')).toBe(0)
  expect(await child.told('main goes on')).toBe(1501)
})
