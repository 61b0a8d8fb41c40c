import fc from 'fast-check'
import { expect, test } from 'vitest'
import { BYTE_VALUES, CBOR_VALUES, LogSubject, runCase } from '../../lib/testing.ts'
import { failingCommands, soundCommands } from './arbitraries.ts'

/** The ledger of the subject is a plain array: every reading and reopening is compared with it. */
const runs = { numRuns: 150, seed: 4711 }
const last = [{ do: 'read', how: 'now' }, { do: 'close-and-open' }, { do: 'read', how: 'later' }] as const

test('a log is an array, whatever is done with it', async () => {
  await fc.assert(
    fc.asyncProperty(soundCommands(25), fc.nat(1_000_000), fc.boolean(), async (commands, seed, shapes) => {
      const subject = new LogSubject({ values: shapes ? CBOR_VALUES : BYTE_VALUES })
      const { notes } = await runCase(subject, { seed, commands: [...commands, ...last], fates: [] })
      expect(notes.acknowledged).toBe(notes.records.length)
    }),
    runs,
  )
})

test('a log whose system fails is a prefix of that array, as far as it was acknowledged', async () => {
  await fc.assert(
    fc.asyncProperty(failingCommands(25), fc.nat(1_000_000), async (commands, seed) => {
      await runCase(new LogSubject(), { seed, commands: [...commands, ...last], fates: [] })
    }),
    runs,
  )
})
