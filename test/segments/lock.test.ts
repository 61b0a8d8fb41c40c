import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { ProcessIdentity } from '../../segments/env/environment.ts'
import { Random } from '../../segments/env/random.ts'
import { systemError } from '../../segments/env/system-error.ts'
import type { SeglogError } from '../../segments/errors.ts'
import { crc32 } from '../../segments/format/checksum.ts'
import { type LockOwner, decodeLock, encodeLock } from '../../segments/format/lockfile.ts'
import { lockName, parseName, socketName } from '../../segments/format/names.ts'
import { judge } from '../../segments/lock-proof.ts'
import { type WriterLock, acquireLock as acquireLockNow, breakLock, inspectLock } from '../../segments/lock.ts'
import { LOG, type Process, World } from './lock-world.ts'

/** Others may act between any two calls. */
function acquireLock(process: Process, directory: string): Promise<WriterLock> {
  return acquireLockNow(process, directory, 'later')
}

/** A line with the CRC that makes it one of a lock file. */
function withCrc(line: string): Buffer {
  const bytes = Buffer.from(line)
  return Buffer.concat([bytes, Buffer.from(`${(crc32(bytes) >>> 0).toString(16).padStart(8, '0')}\n`)])
}

function refused(promise: Promise<unknown>): Promise<SeglogError> {
  return promise.then(
    () => expect.fail('it was not refused'),
    (error: SeglogError) => error,
  )
}

const OWNER: LockOwner = {
  pid: 7,
  startTime: '100',
  bootId: 'boot-1',
  pidNamespace: 'pid:[1]',
  host: 'host-1',
  token: '0123456789abcdef0123456789abcdef',
  acquiredAtMs: 1_700_000_000_000,
  socket: 12,
}

const text = fc.oneof(fc.string(), fc.jsonValue())

/** Members that are right, nearly right, and anything. */
const MEMBERS_OF_A_LOCK = {
  pid: fc.oneof(fc.nat(), fc.double(), fc.jsonValue()),
  startTime: text,
  bootId: text,
  pidNamespace: text,
  host: text,
  token: fc.oneof(fc.constant(OWNER.token), fc.stringMatching(/^[0-9a-f]{0,40}$/), fc.jsonValue()),
  acquiredAtMs: fc.oneof(fc.double(), fc.jsonValue()),
  socket: fc.oneof(fc.constant(null), fc.nat(), fc.jsonValue()),
}

describe('the content of a lock file', () => {
  test('comes back as it was written', () => {
    for (const owner of [
      OWNER,
      { ...OWNER, socket: null, startTime: '', bootId: '', pidNamespace: '', host: 'ü"\n' },
    ]) {
      expect(decodeLock(encodeLock(owner))).toEqual({ found: 'lock', owner })
    }
  })

  test('is damaged when any bit is flipped or the end is cut', () => {
    const bytes = encodeLock(OWNER)
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      const flipped = Buffer.from(bytes)
      flipped[bit >> 3]! ^= 1 << (bit & 7)
      expect(decodeLock(flipped).found).toBe('damaged')
    }
    for (let length = 0; length < bytes.length; length++) {
      expect(decodeLock(bytes.subarray(0, length)).found).toBe('damaged')
    }
    expect(decodeLock(Buffer.concat([bytes, Buffer.from('\n')])).found).toBe('damaged')
  })

  test('with a wrong member is damaged, of a newer version is newer', () => {
    const wrong = [
      { pid: 0 },
      { pid: -1 },
      { pid: '7' },
      { startTime: 7 },
      { bootId: 'x'.repeat(256) },
      { host: null },
      { pidNamespace: undefined },
      { token: 'abc' },
      { acquiredAtMs: null },
      { socket: 0 },
      { socket: 1.5 },
      { magic: 'other' },
      { version: 'x' },
    ]
    for (const members of wrong) {
      expect(decodeLock(encodeLock({ ...OWNER, ...(members as object) })), JSON.stringify(members)).toMatchObject({
        found: 'damaged',
      })
    }
    expect(decodeLock(encodeLock({ ...OWNER, ...({ version: 1 } as object) }))).toEqual({ found: 'newer' })
    for (const text of ['null', '[]', '3', '{', '""']) {
      expect(decodeLock(Buffer.from(`${text}\n`)).found).toBe('damaged')
      expect(decodeLock(withCrc(`${text}\n`)).found).toBe('damaged')
    }
  })

  test('any bytes, any JSON and any members with a sound CRC are an owner that comes back, or damaged, or newer', () => {
    const members = fc.record(
      { ...MEMBERS_OF_A_LOCK, version: fc.oneof(fc.constant(0), fc.nat(3), fc.jsonValue()), more: fc.jsonValue() },
      { requiredKeys: [] },
    )
    const bytes = fc.oneof(
      fc.uint8Array({ maxLength: 600 }).map((any) => Buffer.from(any)),
      fc.oneof(fc.string(), fc.json()).map((text) => withCrc(`${text.replaceAll('\n', ' ')}\n`)),
      members.map((any) => withCrc(`${JSON.stringify({ magic: 'seglog-lock', version: 0, ...any })}\n`)),
    )
    const found = new Set<string>()
    const property = fc.property(bytes, (each) => {
      const content = decodeLock(each)
      found.add(content.found)
      if (content.found === 'lock') expect(decodeLock(encodeLock(content.owner))).toEqual(content)
    })
    fc.assert(property, { numRuns: 2_000, examples: [[encodeLock(OWNER)]] })
    expect([...found].sort()).toEqual(['damaged', 'lock', 'newer'])
  })
})

describe('the verdict over a holder', () => {
  const self: ProcessIdentity = { ...OWNER, pid: 9, startTime: '900' }
  const rebooted = { ...self, bootId: 'boot-2' }
  const elsewhere = { ...rebooted, host: 'host-2' }
  const container = { ...self, pidNamespace: 'pid:[2]', host: 'c0ffee' }
  const bare = { bootId: '', pidNamespace: '', startTime: '' }
  const socketless = { ...OWNER, socket: null }
  const sameStart = { startTimeNow: '100' }

  test.each([
    ['accepts, same boot', { probe: 'alive' }, 'alive'],
    ['accepts, though its pid seems gone', { probe: 'alive', startTimeNow: undefined }, 'alive'],
    ['accepts, in another container', { probe: 'alive', self: container }, 'alive'],
    ['accepts, though it names an earlier boot', { probe: 'alive', self: rebooted }, 'alive'],
    ['refuses, same boot', { probe: 'dead', startTimeNow: undefined }, 'dead'],
    ['refuses, in another container', { probe: 'dead', self: container }, 'dead'],
    ['refuses, a zombie nobody waits for', { probe: 'dead', ...sameStart }, 'dead'],
    ['refuses, but runs on another host', { probe: 'dead', self: elsewhere }, 'unknown'],
    ['absent name, pid gone, but on another host', { probe: 'absent', self: elsewhere }, 'unknown'],
    ['another boot of this host', { probe: 'dead', self: rebooted }, 'dead'],
    ['another boot of this host, whose pid is in use', { probe: 'unknown', self: rebooted, ...sameStart }, 'dead'],
    ['same host, no boot id here', { probe: 'dead', self: { ...self, bootId: '' } }, 'unknown'],
    ['absent name, pid gone', { probe: 'absent' }, 'dead'],
    ['absent name, pid recycled', { probe: 'absent', startTimeNow: '555' }, 'dead'],
    ['absent name, same start', { probe: 'absent', ...sameStart }, 'alive'],
    ['absent name, start unseen', { probe: 'absent', startTimeNow: '' }, 'unknown'],
    ['absent name, another container', { probe: 'absent', self: container }, 'unknown'],
    ['unknown answer, pid gone', { probe: 'unknown' }, 'dead'],
    ['unknown answer, same start', { probe: 'unknown', ...sameStart }, 'alive'],
    ['unknown answer, another container', { probe: 'unknown', self: container }, 'unknown'],
    ['no socket, pid gone', { owner: socketless }, 'dead'],
    ['no socket, pid recycled', { owner: socketless, startTimeNow: '555' }, 'dead'],
    ['no socket, same start', { owner: socketless, ...sameStart }, 'alive'],
    ['no socket, another container', { owner: socketless, self: container }, 'unknown'],
    ['namespaces unknown though there are boot ids', { owner: { ...socketless, pidNamespace: '' } }, 'unknown'],
    ['bare platform, refuses', { owner: { ...OWNER, ...bare }, self: { ...self, ...bare }, probe: 'dead' }, 'dead'],
    ['bare platform, pid gone', { owner: { ...socketless, ...bare }, self: { ...self, ...bare } }, 'dead'],
    [
      'bare platform, pid in use',
      { owner: { ...socketless, ...bare }, self: { ...self, ...bare }, startTimeNow: '' },
      'unknown',
    ],
    ['bare platform, another host', { owner: { ...OWNER, ...bare }, self: { ...elsewhere, ...bare } }, 'unknown'],
  ] as const)('%s', (_name, evidence, life) => {
    const verdict = judge({ owner: OWNER, self, probe: undefined, startTimeNow: undefined, ...evidence })
    expect(verdict.life, verdict.why).toBe(life)
  })
})

describe('a lock', () => {
  test('leaves nothing behind when it is released, and its files are of names that are known', async () => {
    const world = new World()
    const lock = await acquireLock(world.process(7), LOG)
    expect(world.names().map((name) => parseName(name).kind)).toEqual(['lock', 'socket'])
    expect(lock.number).toBe(1)
    lock.release()
    lock.release()
    expect(world.names()).toEqual([])
    const again = await acquireLock(world.process(8), LOG)
    lock.release()
    expect(await inspectLock(world.process(9), LOG)).toMatchObject({ life: 'alive', locks: [{ owner: again.owner }] })
  })

  const holders: [string, (world: World) => Promise<Process>, Partial<ProcessIdentity>, string][] = [
    ['living', (world) => hold(world), {}, 'LOCKED'],
    ['living, seen from a container', (world) => hold(world), { pidNamespace: 'pid:[2]', host: 'c1' }, 'LOCKED'],
    ['living on another host', (world) => hold(world), { bootId: 'boot-9', host: 'host-9' }, 'LOCKED'],
    ['killed on another host', killed, { bootId: 'boot-9', host: 'host-9' }, 'LOCKED'],
    ['killed', killed, {}, 'free'],
    ['killed, seen from a container', killed, { pidNamespace: 'pid:[2]', host: 'c1' }, 'free'],
    ['of an earlier boot', killed, { bootId: 'boot-2' }, 'free'],
    ['killed, its socket removed', (world) => killed(world, { socketRemoved: true }), {}, 'free'],
    ['living, its socket removed', (world) => hold(world, { socketRemoved: true }), {}, 'LOCKED'],
    [
      'living, its socket removed, seen from a container',
      (world) => hold(world, { socketRemoved: true }),
      { pidNamespace: 'pid:[2]' },
      'LOCKED',
    ],
    ['without sockets, living', (world) => hold(world, { noSockets: 'EPERM' }), {}, 'LOCKED'],
    ['without sockets, killed', (world) => killed(world, { noSockets: 'EPERM' }), {}, 'free'],
    [
      'without sockets, killed, its pid recycled',
      async (world) => {
        await killed(world, { noSockets: 'EINVAL' })
        return world.process(7)
      },
      {},
      'free',
    ],
    [
      'without sockets, a zombie',
      async (world) => Object.assign(await killed(world, { noSockets: 'EPERM' }), { zombie: true }),
      {},
      'LOCKED',
    ],
    [
      'a zombie whose socket refuses',
      async (world) => Object.assign(await killed(world), { zombie: true }),
      {},
      'free',
    ],
  ]

  interface Lack {
    socketRemoved?: boolean
    noSockets?: 'EPERM' | 'EINVAL'
  }

  async function hold(world: World, lack: Lack = {}): Promise<Process> {
    const holder = world.process(7)
    if (lack.noSockets) holder.noSockets = systemError(lack.noSockets, 'bind')
    const { owner } = await acquireLock(holder, LOG)
    expect(owner.socket === null).toBe(lack.noSockets !== undefined)
    if (lack.socketRemoved) world.files.call({ do: 'unlink', path: `${LOG}/${socketName(owner.socket!)}` })
    return holder
  }

  async function killed(world: World, lack: Lack = {}): Promise<Process> {
    return (await hold(world, lack)).kill()
  }

  test.each(holders)('whose holder is %s', async (_name, prepare, identity, outcome) => {
    const world = new World()
    await prepare(world)
    const before = world.names()
    const second = world.process(20, identity)
    const state = await inspectLock(second, LOG)
    expect(world.names()).toEqual(before)
    expect(state.life === 'dead').toBe(outcome === 'free')
    if (outcome === 'free') {
      const lock = await acquireLock(second, LOG)
      expect(lock.number).toBe(2)
      expect(world.names()).toEqual([lockName(2), socketName(lock.owner.socket!)].sort())
      lock.release()
      expect(world.names()).toEqual([])
      return
    }
    const error = await refused(acquireLock(second, LOG))
    expect(error).toMatchObject({ code: outcome, file: `${LOG}/${lockName(1)}`, found: { pid: 7 } })
    expect(error.message).toContain('pid 7 on host "host-1", since 2023-11-14T22:13:20.000Z')
    expect(error.message.includes(`seglog lock ${LOG} --break`)).toBe(state.life === 'unknown')
    expect(world.names()).toEqual(before)
  })

  test('is refused to the process that holds it, and says so', async () => {
    const world = new World()
    const only = world.process(7)
    await acquireLock(only, LOG)
    expect((await refused(acquireLock(only, LOG))).message).toContain('this process, pid 7')
  })

  test('is broken by an operator when death is proven, or by name', async () => {
    const world = new World()
    await killed(world)
    await breakLock(world.process(8), LOG)
    expect(world.names()).toEqual([])

    const holder = await hold(world)
    const operator = world.process(9)
    const stranger = world.process(10, { bootId: 'boot-9', host: 'host-9' })
    const seen = await inspectLock(operator, LOG)
    expect(await refused(breakLock(operator, LOG, { evenIfUnproven: seen }))).toMatchObject({ code: 'LOCKED' })

    holder.kill()
    expect(await refused(breakLock(stranger, LOG))).toMatchObject({ code: 'LOCKED' })
    const unproven = await inspectLock(stranger, LOG)
    expect(unproven.life).toBe('unknown')
    await breakLock(stranger, LOG, { evenIfUnproven: unproven })
    expect(world.names().filter((name) => parseName(name).kind === 'lock')).toEqual([])

    await hold(world)
    const late = await refused(breakLock(stranger, LOG, { evenIfUnproven: unproven }))
    expect(late, 'consent is for the lock that was seen').toMatchObject({ code: 'LOCKED' })
  })

  test('broken while its holder lives is not released over the head of the next', async () => {
    const world = new World()
    const first = await acquireLock(world.process(7), LOG)
    const stranger = world.process(9, { bootId: 'boot-9', host: 'host-9' })
    await breakLock(stranger, LOG, { evenIfUnproven: await inspectLock(stranger, LOG) })
    const next = await acquireLock(stranger, LOG)
    expect(next.number).toBe(first.number)
    first.release()
    expect(world.names()).toContain(lockName(next.number))
  })

  test.each([
    ['damaged', Buffer.from('half a lo'), 'CORRUPT'],
    ['empty', Buffer.alloc(0), 'CORRUPT'],
    ['too long', Buffer.alloc(100_000, 'x'), 'CORRUPT'],
    ['newer', encodeLock({ ...OWNER, ...({ version: 99 } as object) }), 'UNSUPPORTED_FORMAT'],
  ])('whose file is %s is refused until an operator breaks it', async (_name, bytes, code) => {
    const world = new World()
    world.write(lockName(3), bytes)
    const process = world.process(7)
    const error = await refused(acquireLock(process, LOG))
    expect(error).toMatchObject({ code, file: `${LOG}/${lockName(3)}` })
    expect(error.message).toContain(`seglog lock ${LOG} --break`)
    await breakLock(process, LOG, { evenIfUnproven: await inspectLock(process, LOG) })
    expect(world.names()).toEqual([])
  })

  test('file that is a directory is refused', async () => {
    const world = new World()
    world.files.call({ do: 'makeDirectory', path: `${LOG}/${lockName(1)}` })
    expect(await refused(acquireLock(world.process(7), LOG))).toMatchObject({ code: 'CORRUPT' })
  })

  test('of no directory is an IO error', async () => {
    const world = new World()
    expect(await refused(acquireLock(world.process(7), '/none'))).toMatchObject({ code: 'IO', file: '/none' })
  })

  test('that meets an error at any call is not acquired, and does not stand in the way of the next', async () => {
    let failing = 0
    for (let failed = true; failed; failing++) {
      const world = new World()
      await killed(world)
      const process = world.process(8)
      const perform = process.call.bind(process)
      let count = 0
      process.call = (call) => {
        if (count++ === failing) throw systemError('EIO', call.do)
        return perform(call)
      }
      const error = await acquireLock(process, LOG).then(
        () => undefined,
        (thrown: SeglogError) => thrown,
      )
      failed = count > failing
      expect(error?.code).toBe(failed ? 'IO' : undefined)
      process.call = perform
      if (!failed) continue
      expect([...world.listeners.values()].filter((each) => each.alive)).toEqual([])
      const lock = await acquireLock(world.process(9), LOG)
      expect(world.names().filter((name) => !name.startsWith('tmp-'))).toHaveLength(2)
      lock.release()
    }
    // A survey that finds one lock, a claim, the second survey with our own lock, and what is swept; then none failed.
    expect(failing).toBe(4 + 6 + 7 + 2 + 1)
  })
})

describe('a process that falls behind', () => {
  const isSocket = (name: string): boolean => parseName(name).kind === 'socket'

  test('reads a lock that is then released: it looks again and is not refused', async () => {
    const world = new World()
    const held = await acquireLock(world.process(7), LOG)
    world.scheduled = true
    const late = world.process(8)
    const acquired = acquireLock(late, LOG)
    let actions = 0
    await world.run(late, () => actions++ === 'list, open, read, close'.split(' ').length)
    held.release()
    await world.run(late)
    expect((await acquired).number).toBe(1)
  })

  test('links a file and dies while the holder sweeps: the socket that proves its death stays', async () => {
    const world = new World()
    world.scheduled = true
    const container = { pidNamespace: 'pid:[2]', host: 'c2' }
    const late = world.process(8, container)
    void acquireLock(late, LOG)
    await world.run(late, () => world.names().some(isSocket))
    const victim = world.process(7)
    const first = acquireLock(victim, LOG)
    await world.run(victim)
    await first
    victim.kill()
    const holder = world.process(9)
    const second = acquireLock(holder, LOG)
    await world.run(holder, () => world.names().includes(lockName(2)))
    await world.run(holder, () => !world.names().includes(lockName(1)))
    await world.run(late, () => world.names().includes(lockName(1)))
    late.kill()
    await world.run(holder)
    const lock = await second
    expect(world.names().filter((name) => !name.startsWith('tmp-'))).toHaveLength(4)
    lock.release()
    world.scheduled = false
    expect((await acquireLock(world.process(10), LOG)).number).toBe(2)
  })

  test('has its socket swept from another host before it links: it draws another and holds with that', async () => {
    const world = new World()
    world.scheduled = true
    const late = world.process(8)
    const acquired = acquireLock(late, LOG)
    await world.run(late, () => world.names().some(isSocket))
    const elsewhere = world.process(9, { bootId: 'boot-9', host: 'host-9' })
    const before = acquireLock(elsewhere, LOG)
    await world.run(elsewhere)
    ;(await before).release()
    expect(world.names()).toEqual([])
    await world.run(late)
    expect(world.names()).toContain(socketName((await acquired).owner.socket!))
  })
})

describe('many processes in any order', () => {
  interface Outcome {
    granted: number
    refused: number
    other: unknown[]
    overlaps: number
  }

  /** Several processes over one stale lock, each acquiring, holding for some turns and releasing, twice. */
  async function fight(seed: number, killChance: number): Promise<Outcome> {
    const random = new Random(seed)
    const world = new World()
    await acquireLock(world.process(7), LOG)
    world.processes[0]!.kill()
    const outcome: Outcome = { granted: 0, refused: 0, other: [], overlaps: 0 }
    const inside = new Set<Process>()
    const enter = (process: Process, lock: WriterLock, roundsLeft: number): void => {
      outcome.granted++
      inside.add(process)
      if ([...inside].filter((each) => each.alive).length > 1) outcome.overlaps++
      const stay = (turns: number): void => {
        if (turns > 0) {
          process.pending = () => stay(turns - 1)
          return
        }
        inside.delete(process)
        lock.release()
        compete(process, roundsLeft - 1)
      }
      process.pending = () => stay(random.below(4))
    }
    const compete = (process: Process, roundsLeft: number): void => {
      if (roundsLeft === 0) return
      acquireLock(process, LOG).then(
        (lock) => enter(process, lock, roundsLeft),
        (error: SeglogError) => {
          if (error.code === 'LOCKED') outcome.refused++
          else outcome.other.push(error)
          compete(process, roundsLeft - 1)
        },
      )
    }
    world.scheduled = true
    const places: Partial<ProcessIdentity>[] = [{}, {}, { pidNamespace: 'pid:[2]', host: 'c2' }]
    for (let i = 0; i < 2 + random.below(3); i++) compete(world.process(20 + i, random.pick(places)), 2)
    // One process runs for a while, so that others fall far behind: the old news are what breaks locks.
    let favourite: Process | undefined
    await world.play((ready) => {
      if (!favourite || !ready.includes(favourite) || random.chance(0.15)) favourite = random.pick(ready)
      if (random.chance(killChance)) {
        inside.delete(favourite)
        favourite.kill()
      }
      return favourite
    })
    world.scheduled = false
    const last = world.process(90)
    const lock = await acquireLock(last, LOG)
    const left = world.names().filter((name) => !name.startsWith('tmp-'))
    expect(left).toEqual([lockName(lock.number), socketName(lock.owner.socket!)].sort())
    lock.release()
    return outcome
  }

  test.each([
    ['nobody dies', 0],
    ['some are killed between two steps', 0.02],
  ])('there are never two holders, and somebody gets it: %s', async (_name, killChance) => {
    const sum = { granted: 0, refused: 0 }
    for (let seed = 0; seed < 1000; seed++) {
      const { granted, refused: refusals, other, overlaps } = await fight(seed, killChance)
      expect(other, `seed ${seed}`).toEqual([])
      expect(overlaps, `seed ${seed}`).toBe(0)
      if (killChance === 0) expect(granted, `seed ${seed}`).toBeGreaterThan(0)
      sum.granted += granted
      sum.refused += refusals
    }
    expect(sum.granted).toBeGreaterThan(1000)
    expect(sum.refused).toBeGreaterThan(300)
  })
})
