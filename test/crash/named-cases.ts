import type { Call, Command, SimulatedEnvironment } from '../../lib/testing.ts'

/** Cases that no crash alone makes: bytes of another life, and bits that rot. They run on a sound log and on broken ones. */
type Door = typeof import('../../lib/testing.ts')

export class NamedCaseFailed extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'NamedCaseFailed'
  }
}

const SEGMENT = '/log/segment-0000000001.log'
const SETUP = { directory: '/log', segmentBytes: 1024 }
const RECORDS: readonly Command[] = [1, 2, 3].map(() => ({ do: 'commit', size: 40, wait: true }) as const)

/** A log of three records, not closed. */
async function threeRecords(door: Door, seed: number): Promise<SimulatedEnvironment> {
  const { env } = await door.runCase(new door.LogSubject(SETUP), { seed, commands: RECORDS, fates: [] })
  return env
}

interface Opened {
  readonly last: number
  readonly end: string
  readonly lost: number
}

async function reopened(door: Door, env: SimulatedEnvironment): Promise<Opened | string> {
  try {
    const { log } = await env.drive(door.openSimulated(env, { ...SETUP, values: door.BYTE_VALUES }))
    const { end, lost } = log.recovery
    return { last: log.lastSequence, end, lost: lost.length }
  } catch (error) {
    return (error as { code: string }).code
  }
}

/** Frames of an earlier life of the same file, at their old places behind the end, are nothing. */
export async function staleBytes(door: Door): Promise<void> {
  const env = await threeRecords(door, 1)
  const old = env.files.read(SEGMENT)
  // The power cut takes the slot with it, so that recovery makes the file anew.
  const next = env.crash(1, { unsynced: 'lost' })
  if (typeof (await reopened(door, next)) === 'string') throw new Error('the log did not open')
  const fresh = next.files.read(SEGMENT)
  if (Buffer.compare(fresh.subarray(0, 256), old.subarray(0, 256)) === 0) {
    throw new Error('the file was not made anew')
  }
  // As if the third frame of the new file had never reached the disk, and the old one stood there.
  const thirdFrame = 256 + 72 + 64
  const mixed = Buffer.concat([fresh.subarray(0, thirdFrame), old.subarray(thirdFrame)])
  next.files.write(SEGMENT, mixed)
  const found = await reopened(door, next.crash(2))
  if (typeof found !== 'string')
    throw new NamedCaseFailed('a frame of an earlier life was taken for an acknowledged one')
}

/**
 * A segment is sealed while the next but one gets its name. The sync of the directory that fails is that of the sealing:
 * the system forgets the other name with it, and says OK to the sync of that. What is acknowledged into the segment
 * must not go with its name.
 */
export async function takenAlong(door: Door): Promise<void> {
  const env = door.simulate(1, { landing: 'prompt' })
  const { log } = await env.drive(door.openSimulated(env, { ...SETUP, values: door.BYTE_VALUES }))
  let acknowledged = 0
  const commits = async (count: number): Promise<void> => {
    for (let n = 1; n <= count; n++) {
      const told = log.commit(new Uint8Array(40)).then((sequence) => (acknowledged = sequence))
      await env.drive(told).catch(() => undefined)
      await env.settle()
    }
  }
  // The second segment is prepared here.
  await commits(8)
  const syncs: Call[] = []
  const isSync = (call: Call, which: number): boolean => {
    if (call.do === 'syncDirectory' && !syncs.includes(call)) syncs.push(call)
    return syncs[which] === call
  }
  const [ofSealing, ofNaming] = [0, 1].map((which) => env.hold((call) => isSync(call, which)))
  await commits(12)
  if (syncs.length !== 2) throw new Error(`${syncs.length} syncs are out`)
  env.calls.fault({ when: ({ do: what }) => what === 'syncDirectory', outcome: 'sync-fails-and-drops-dirty-pages' })
  ofSealing!()
  await env.settle()
  ofNaming!()
  await commits(10)
  const found = await reopened(door, env.crash(1, { unsynced: 'lost' }))
  if (typeof found === 'string') throw new NamedCaseFailed(`the log was refused with ${found}`)
  if (found.last < acknowledged)
    throw new NamedCaseFailed(`${found.last} of ${acknowledged} acknowledged records are there`)
}

/** Every bit of every acknowledged byte, turned round: an error or a loss that is named, never a shorter log. */
export async function damagedRecord(door: Door): Promise<void> {
  const env = await threeRecords(door, 2)
  const end = 256 + 72 + 64 + 64
  for (let bit = 256 * 8; bit < end * 8; bit += 5) {
    const next = env.clone(bit)
    next.files.syncAll()
    next.files.flip(SEGMENT, bit)
    const found = await reopened(door, next)
    if (found === 'CORRUPT') continue
    if (typeof found === 'string') throw new Error(`bit ${bit}: the log was refused with ${found}`)
    if (found.lost > 0 || found.last === 3) continue
    throw new NamedCaseFailed(
      `bit ${bit}: an acknowledged record is gone, and the log opened as ${JSON.stringify(found)}`,
    )
  }
}
