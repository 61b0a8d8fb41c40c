import { describe, expect, test } from 'vitest'

import {
  copyLog,
  openArchived,
  openLog,
  type ReadOnlyLog,
  salvageLog,
  SeglogError,
  verifyLog,
} from '../../lib/index.ts'
import type { ArchivedSegments } from '../../lib/archive-reader.ts'
import type { NamedCursor } from '../../lib/runs/cursors.ts'
import type { Log } from '../../lib/log.ts'
import { openLogWith, openReadOnly } from '../../lib/open.ts'
import { type CallNote, type SimulatedEnvironment, simulate } from '../../segments/env/simulated.ts'
import { parse } from '../tidy/code.ts'
import { textFiles } from '../tidy/files.ts'
import { publicNames } from '../tidy/reference.ts'

/**
 * Which codes a call can throw stands in its doc comment. Here each is made in a sound log and in every state that a log
 * can be in, with each of its calls on files failing in turn: a code that comes out and is not told of is missing there.
 */
interface Value {
  readonly id: string
}

interface World {
  readonly machine: SimulatedEnvironment
  readonly log: Log<Value>
}

const RECORDS = 60
const value = (n: number): Value => ({ id: `id ${n}` })

async function world(): Promise<World> {
  const machine = simulate(1, { landing: 'prompt' })
  const log = await machine.drive(
    openLogWith<Value>('/log', { environment: machine, segmentBytes: 1024, keys: { id: 'id' } }, 512),
  )
  for (let n = 1; n <= RECORDS; n++) log.append(value(n))
  await machine.drive(log.sync())
  await machine.settle()
  return { machine, log }
}

/** How a log can be when a call is made. */
const STATES: Readonly<Record<string, (world: World) => unknown>> = {
  sound: () => undefined,
  closed: ({ machine, log }) => machine.drive(log.close()),
  sealed: ({ machine, log }) => machine.drive(log.seal('ended')),
  'failed before': async ({ machine, log }) => {
    machine.calls.fault({ when: ({ do: what }) => what === 'write', outcome: 'EIO', times: 2 })
    await machine.drive(log.commit(value(0)).catch(() => undefined))
  },
  'with a damaged segment': ({ machine }) => {
    const path = '/log/segment-0000000001.log'
    for (let bit = 300 * 8; bit < machine.files.read(path).length * 8; bit += 640) machine.files.flip(path, bit)
  },
  'with a segment missing': ({ machine }) => machine.files.remove('/log/segment-0000000001.log'),
  'with archived records': ({ machine, log }) => machine.drive(log.archiveBefore(20, { beyondAnchor: true })),
  'with an archived segment missing': async ({ machine, log }) => {
    await machine.drive(log.archiveBefore(20, { beyondAnchor: true }))
    machine.files.remove('/log/archive/segment-0000000001.log')
  },
  'on a full disk': ({ machine }) => void (machine.capacity = 0),
}

/** What no room on a disk is told to. */
const NEEDS_ROOM: readonly CallNote['do'][] = ['write', 'makeDirectory', 'rename', 'link']
const FAULTS_MAX = 10

type Act<T> = (given: T, machine: SimulatedEnvironment) => unknown

async function walked(entries: Iterable<unknown> | AsyncIterable<unknown>): Promise<void> {
  for await (const entry of entries) void entry
}

const LOG: Readonly<Record<string, Act<Log<Value>>>> = {
  head: (log) => log.head(),
  append: (log) => log.append(value(0)),
  'append of what is wrong': (log) => log.append((() => 0) as never, { expect: RECORDS + 1 }),
  'append out of order': (log) => log.append(value(0), { expect: 3 }),
  'append at no time': (log) => log.append(value(0), { timestampNs: 5 as never }),
  appendBatch: (log) => log.appendBatch([value(0), value(1)]),
  'appendBatch of too much': (log) => log.appendBatch(Array.from({ length: 200 }, (_, n) => value(n))),
  commit: (log) => log.commit(value(0)),
  'commit once': (log) => log.commit(value(3), { once: 'id' }),
  'commit once by another kind': (log) => log.commit(value(3), { once: 'other' }),
  commitBatch: (log) => log.commitBatch([value(0), value(1)]),
  commitSync: (log) => log.commitSync(value(0)),
  'commitSync once': (log) => log.commitSync(value(3), { once: 'id' }),
  commitBatchSync: (log) => log.commitBatchSync([value(0), value(1)]),
  'commitBatchSync once': (log) => log.commitBatchSync([value(3), value(0)], { once: 'id' }),
  durable: (log) => log.durable(RECORDS),
  'durable of none': (log) => log.durable(RECORDS + 5),
  sync: (log) => (log.isOpen && log.status === 'running' ? burst(log) : undefined, log.sync()),
  syncNow: (log) => log.syncNow(),
  ready: (log) => log.ready(),
  roll: (log) => log.roll(),
  get: (log) => log.get(3),
  'get of none': (log) => log.get('3' as never),
  read: (log) => walked(log.read()),
  'read of none': (log) => log.read({ limit: -1 }),
  follow: (log) => log.follow()[Symbol.asyncIterator]().next(),
  verify: (log) => log.verify(),
  lookup: (log) => log.lookup('id', 'id 3'),
  'lookup of none': (log) => log.lookup('other', 'id 3'),
  lookupAll: (log) => walked(log.lookupAll('id', 'id 3')),
  keyStates: (log) => log.keyStates(),
  keysReady: (log) => log.keysReady(),
  copyTo: (log) => log.copyTo('/copy'),
  'copyTo itself': (log) => log.copyTo('/log'),
  anchor: (log) => log.anchor({ sequence: 5, ref: 'there', hash: 'that' }),
  'anchor of none': (log) => log.anchor({ sequence: 5000, ref: 'there', hash: 'that' }),
  anchors: (log) => log.anchors(),
  cursor: (log) => log.cursor('billing'),
  'cursor of none': (log) => log.cursor('../billing'),
  cursors: (log) => log.cursors(),
  replay: (log) => log.replay({ apply: () => undefined }),
  archiveBefore: (log) => log.archiveBefore(20),
  'archiveBefore of none': (log) => log.archiveBefore(-1),
  restore: (log) => log.restore(),
  archives: (log) => log.archives(),
  planRetention: (log) => log.planRetention({ segments: 1 }),
  'planRetention of none': (log) => log.planRetention({}),
  seal: (log) => log.seal('ended'),
  commitLatency: (log) => log.commitLatency(),
  stats: (log) => log.stats(),
  close: (log) => log.close(),
  'close of what is queued': (log) => (log.isOpen && log.status === 'running' ? burst(log) : undefined, log.close()),
}

/** Something to be written; refused where the log cannot take it. */
function burst(log: Log<Value>): void {
  try {
    log.append(value(0))
  } catch {
    // That it is refused is told elsewhere.
  }
}

/** Codes by the names of calls, as doc comments tell them, with those of the calls that they point to. */
const told = publicNames(parse(textFiles(['lib', 'segments', 'recovery'], ['.ts'])))

function codesOf(name: string, seen: readonly string[] = []): Set<string> {
  const found = told.find((each) => each.name === name)
  if (found === undefined || seen.includes(name)) return new Set()
  const [own] = `${found.comment} `.split('@example') as [string]
  const codes = new Set(
    own.match(/\b[A-Z]+_[A-Z_]+\b|\b(?:CLOSED|FAILED|IO|LOCKED|CORRUPT|GAP|ARCHIVED|ENCODE|DECODE)\b/g),
  )
  const above = name.includes('.') ? name.split('.')[0]! : undefined
  for (const [, to] of own.matchAll(/(?:as|see|and) `(?:log\.)?(\w+)`/g)) {
    for (const next of [to!, `${above}.${to!}`]) for (const code of codesOf(next, [...seen, name])) codes.add(code)
  }
  return codes
}

/** Of arguments, and of a class that says it for all its calls. */
function allowed(owner: string, call: string): Set<string> {
  return new Set([...codesOf(`${owner}.${call.split(' ')[0]!}`), ...codesOf(owner)])
}

async function codeOf(machine: SimulatedEnvironment, act: () => unknown): Promise<string | undefined> {
  try {
    await machine.drive(Promise.resolve(act()))
    return undefined
  } catch (error) {
    return error instanceof SeglogError ? error.code : `${(error as Error).name}: ${(error as Error).message}`
  }
}

/** All codes that come out of a call, in every state and whichever of its calls on files fails. */
async function codesOut<T>(
  make: (state: (world: World) => unknown) => Promise<{ machine: SimulatedEnvironment; given: T }>,
  act: Act<T>,
  states = STATES,
): Promise<Map<string, string>> {
  const out = new Map<string, string>()
  const note = (code: string | undefined, when: string): void => void (code && !out.has(code) && out.set(code, when))
  for (const [name, state] of Object.entries(states)) {
    const { machine, given } = await make(state)
    note(await codeOf(machine, () => act(given, machine)), name)
  }
  for (const outcome of ['EIO', 'ENOSPC'] as const) {
    for (let at = 1; at <= FAULTS_MAX; at++) {
      const { machine, given } = await make(STATES['sound']!)
      const index = machine.calls.count + at
      const strikes = (call: CallNote): boolean => outcome === 'EIO' || NEEDS_ROOM.includes(call.do)
      machine.calls.fault({ when: (call) => call.index === index && strikes(call), outcome })
      note(await codeOf(machine, () => act(given, machine)), `its ${at}. call meets ${outcome}`)
    }
  }
  return out
}

const READER: Readonly<Record<string, Act<ReadOnlyLog<Value>>>> = {
  get: (reader) => reader.get(3),
  read: (reader) => walked(reader.read()),
  lookup: (reader) => reader.lookup('id', 'id 3'),
  'lookup of none': (reader) => reader.lookup('other', 'id 3'),
  lookupAll: (reader) => walked(reader.lookupAll('id', 'id 3')),
  follow: (reader) => reader.follow()[Symbol.asyncIterator]().next(),
  anchors: (reader) => reader.anchors(),
  cursors: (reader) => reader.cursors(),
  archives: (reader) => reader.archives(),
  planArchive: (reader) => reader.planArchive(20),
  'planArchive of none': (reader) => reader.planArchive(0),
  head: (reader) => reader.head(),
  verify: (reader) => reader.verify(),
  close: (reader) => reader.close(),
}

const CURSOR: Readonly<Record<string, Act<NamedCursor<Value>>>> = {
  save: (cursor) => cursor.save(5),
  'save of none': (cursor) => cursor.save(5000),
  delete: (cursor) => cursor.delete(),
}

const COLD: Readonly<Record<string, Act<ArchivedSegments<Value>>>> = {
  get: (cold) => cold.get(3),
  read: (cold) => walked(cold.read()),
  'read of none': (cold) => cold.read({ from: -1 }),
  verify: (cold) => cold.verify(),
  close: (cold) => cold.close(),
}

/** Functions over the directory of a log that nobody has open, or that somebody has. */
const FUNCTIONS: Readonly<Record<string, Act<World>>> = {
  openLog: (_, environment) => openLog('/log', { environment }),
  'openLog where a run crashed': (_, environment) => openLog('/log', { environment, onCrash: 'refuse' }),
  'openLog with what is no option': (_, environment) => openLog('/log', { environment, segmentBytes: 1 }),
  'openLog of a file': (_, environment) => openLog('/log/durable', { environment }),
  'openLog of a new log': (_, environment) => openLog('/new', { environment }),
  openReadOnly: (_, environment) => openReadOnly('/log', { environment }),
  'openReadOnly of none': (_, environment) => openReadOnly('/none', { environment }),
  'openReadOnly with another codec': (_, environment) => openReadOnly('/log', { environment, codec: OTHER }),
  openArchived: (_, environment) => openArchived('/log/archive', { environment }),
  'openArchived with another codec': (_, environment) => openArchived('/log', { environment, codec: OTHER }),
  verifyLog: (_, environment) => verifyLog('/log', { environment }),
  'verifyLog from where nothing is': (_, environment) => verifyLog('/log', { environment, from: 'checkpoint' }),
  copyLog: (_, environment) => copyLog('/log', '/copy', { environment }),
  'copyLog into what is there': (_, environment) => copyLog('/log', '/log', { environment }),
  salvageLog: (_, environment) => salvageLog('/log', '/salvaged', { environment }),
  'salvageLog of none': (_, environment) => salvageLog('/none', '/salvaged', { environment }),
}

const OTHER = { name: 'other', encode: () => new Uint8Array(), decode: () => undefined }

/** What may have become of the files besides. */
const FILES: Readonly<Record<string, (world: World) => unknown>> = {
  ...STATES,
  'with traces alone': async ({ machine, log }) => {
    await machine.drive(log.close())
    for (const path of machine.files.paths('/log')) if (!path.endsWith('/durable')) machine.files.remove(path)
  },
  'with its end lost': async ({ machine, log }) => {
    await machine.drive(log.close())
    const path = machine.files.paths('/log').findLast((each) => each.endsWith('.log'))!
    machine.files.write(path, machine.files.read(path).subarray(0, 256))
  },
}

describe('the doc comment of a call has every code that comes out of it:', () => {
  test.each(Object.entries(LOG))('Log %s', async (name, act) => {
    const out = await codesOut(async (state) => {
      const made = await world()
      await state(made)
      return { machine: made.machine, given: made.log }
    }, act)
    const codes = allowed('Log', name)
    expect([...out].filter(([code]) => !codes.has(code))).toEqual([])
  })

  test.each(Object.entries(READER))('ReadOnlyLog %s', async (name, act) => {
    const out = await codesOut(async (state) => {
      const made = await world()
      const { machine } = made
      const given = await machine.drive(openReadOnly<Value>('/log', { environment: machine }))
      await state(made)
      if (state === STATES['closed']) await machine.drive(given.close())
      return { machine, given }
    }, act)
    const codes = allowed('ReadOnlyLog', name)
    expect([...out].filter(([code]) => !codes.has(code))).toEqual([])
  })

  test.each(Object.entries(CURSOR))('NamedCursor %s', async (name, act) => {
    const out = await codesOut(async (state) => {
      const made = await world()
      const given = made.log.cursor('billing')
      await made.machine.drive(given.save(1))
      await state(made)
      return { machine: made.machine, given }
    }, act)
    const codes = allowed('NamedCursor', name)
    expect([...out].filter(([code]) => !codes.has(code))).toEqual([])
  })

  test.each(Object.entries(COLD))('ArchivedSegments %s', async (name, act) => {
    const out = await codesOut(async (state) => {
      const made = await world()
      const { machine, log } = made
      await machine.drive(log.archiveBefore(20, { to: '/cold' }))
      const given = await machine.drive(openArchived<Value>('/cold', { environment: machine }))
      const [path] = machine.files.paths('/cold')
      if (state === STATES['with a damaged segment']) {
        for (let bit = 300 * 8; bit < machine.files.read(path!).length * 8; bit += 640) machine.files.flip(path!, bit)
      }
      if (state === STATES['with a segment missing']) machine.files.remove(path!)
      return { machine, given }
    }, act)
    const codes = allowed('ArchivedSegments', name)
    expect([...out].filter(([code]) => !codes.has(code))).toEqual([])
  })

  test.each(Object.entries(FUNCTIONS))('%s', async (name, act) => {
    const out = new Map<string, string>()
    for (const isLeft of [true, false]) {
      const found = await codesOut(
        async (state) => {
          const made = await world()
          await state(made)
          // Its process is killed, or goes on.
          const machine = isLeft ? made.machine.kill(3) : made.machine
          return { machine, given: made }
        },
        act,
        FILES,
      )
      for (const [code, when] of found) out.set(code, `${isLeft ? 'left' : 'open'}, ${when}`)
    }
    const codes = codesOf(name.split(' ')[0]!)
    expect([...out].filter(([code]) => !codes.has(code))).toEqual([])
  })
})
