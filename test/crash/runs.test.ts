import { describe, expect, test } from 'vitest'
import { type FaultOutcome, explore } from '../../lib/testing.ts'
import { type Command, RunsSubject } from './runs-subject.ts'

/** One run that ends, one that has everything, one that is left. */
const COMMANDS: readonly Command[] = [
  { do: 'start' },
  { do: 'append', count: 14 },
  { do: 'anchor' },
  { do: 'cursor' },
  { do: 'append', count: 3 },
  { do: 'anchor' },
  { do: 'seal', status: 'ended' },
  { do: 'start' },
  { do: 'append', count: 2 },
  { do: 'cursor' },
]

describe('a crash at each call of start, anchor, cursor, seal and sweep', () => {
  test('loses nothing that was acknowledged, and no sealed run runs again', { timeout: 600_000 }, async () => {
    const done = await explore(new RunsSubject(), { seed: 1, commands: COMMANDS, outcomes: 1, nested: 1, every: 2 })
    expect(done.cases).toBeGreaterThan(200)
  })

  const outcomes: FaultOutcome[] = ['EIO', 'ENOSPC']
  test.each(outcomes)('whichever call meets %s', { timeout: 600_000 }, async (outcome) => {
    const options = { seed: 2, commands: COMMANDS, faults: [outcome], every: 5 }
    const done = await explore(new RunsSubject(), options)
    expect(done.cases).toBeGreaterThan(50)
  })
})
