import { describe, expect, test } from 'vitest'
import { bytes } from '../../lib/codecs/bytes.ts'
import { type Log, openLog } from '../../lib/index.ts'
import { type SimulatedEnvironment, simulate } from '../../segments/env/simulated.ts'

/** The segment after the active one is made of zeros ahead of need, while nobody has to wait for that. */

const MIB = 1024 * 1024
/** The first segment has 1 MiB; with these in it, the next one is begun, of 4 MiB. */
const RECORDS = 10
/** Zeros are written in pieces of so many bytes. */
const PIECE_BYTES = MIB / 2
const RECORD = new Uint8Array(60 * 1024)

interface World {
  readonly sim: SimulatedEnvironment
  readonly log: Log<Uint8Array>
}

async function opened(): Promise<World> {
  const sim = simulate(1, { trace: true })
  return { sim, log: await sim.drive(openLog('/log', { environment: sim, codec: bytes() })) }
}

/** Bytes of zeros that were written for prepared segments. */
function zerosWritten({ sim }: World): number {
  return sim.calls.trace.reduce((sum, call) => {
    const isOfSpare = call.do === 'write' && call.path.includes('tmp-segment') && call.mode === 'started'
    return isOfSpare ? sum + call.length! : sum
  }, 0)
}

const lengthOf = ({ sim }: World, ordinal: number): number =>
  sim.files.read(`/log/segment-000000000${ordinal}.log`).length

function fails({ calls }: SimulatedEnvironment): void {
  calls.fault({ when: (call) => call.do === 'space', outcome: 'EIO', times: Infinity })
}

describe('a prepared segment', () => {
  test('is filled with zeros to its end while its turn has not come', async () => {
    const world = await opened()
    for (let n = 0; n < RECORDS; n++) await world.sim.drive(world.log.commit(RECORD))
    await world.sim.settle()
    expect([zerosWritten(world), lengthOf(world, 2)]).toEqual([4 * MIB, 4 * MIB])
  })

  test('gets none while more than two groups wait for the disk, though there is room before it', async () => {
    const world = await opened()
    const { sim, log } = world
    // Of the third segment, of 16 MiB, not yet half is used.
    for (let n = 0; n < 170; n++) await sim.drive(log.commit(RECORD))
    await sim.settle()
    const before = zerosWritten(world)
    const release = sim.hold((call) => call.do === 'write' && call.length > PIECE_BYTES)
    for (let n = 0; n < 150; n++) log.append(RECORD)
    await sim.settle()
    expect([zerosWritten(world) - before, lengthOf(world, 4)]).toEqual([0, 64 * MIB])
    release()
    await sim.drive(log.sync())
    expect([...log.read()].length).toBe(320)
  })

  test('gets none that records wait for', async () => {
    const world = await opened()
    for (let n = 0; n < 40; n++) world.log.append(RECORD)
    await world.sim.drive(world.log.sync())
    expect([zerosWritten(world), lengthOf(world, 2)]).toEqual([0, 4 * MIB])
    expect([...world.log.read()].length).toBe(40)
  })

  test.each([
    ['where the volume is nearly full', (sim: SimulatedEnvironment) => void (sim.capacity = 15 * MIB)],
    ['where the system does not tell how much room there is', fails],
  ])('gets all of them even then %s, so that a full disk is met there', async (_, narrow) => {
    const world = await opened()
    narrow(world.sim)
    for (let n = 0; n < 40; n++) world.log.append(RECORD)
    await world.sim.drive(world.log.sync())
    expect([zerosWritten(world), lengthOf(world, 2)]).toEqual([4 * MIB, 4 * MIB])
  })

  test('gets no more of them once the log is being closed, and is there at the next opening', async () => {
    const world = await opened()
    const { sim, log } = world
    const release = sim.hold((call) => call.do === 'write' && call.length === PIECE_BYTES)
    for (let n = 0; n < RECORDS; n++) await sim.drive(log.commit(RECORD))
    const closing = log.close()
    release()
    await sim.drive(closing)
    expect([zerosWritten(world), lengthOf(world, 2)]).toEqual([PIECE_BYTES, 4 * MIB])
    const again = await sim.drive(openLog('/log', { environment: sim, codec: bytes() }))
    expect([again.lastSequence, again.recovery.end]).toEqual([RECORDS, 'closed'])
  })
})
