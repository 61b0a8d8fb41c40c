import { describe, expect, it } from 'vitest'
import { inspect } from '../../recovery/inspect.ts'
import type { Inspection } from '../../recovery/evidence.ts'
import type { SimulatedEnvironment } from '../../segments/env/simulated.ts'
import { runNow } from '../../segments/env/steps.ts'
import { encodeLifecycle } from '../../segments/format/lifecycle.ts'
import { KIND } from '../../segments/format/layout.ts'
import type { RunIdentity, RunStatus } from '../../segments/format/manifest.ts'
import {
  DIR,
  copyOf,
  fill,
  item,
  machine,
  manifests,
  names,
  openNow,
  position,
  readable,
  segment,
  spoil,
  tryOpen,
  unacknowledged,
  upTo,
  zero,
} from './world.ts'

/** Lifecycle frames stand between records, and a log that holds them recovers as any other. */

const RUN: RunIdentity = {
  instance: 'desk',
  run: 'r-1',
  parent: null,
  startedAt: '1',
  endedAt: null,
  build: null,
  configurationHash: null,
  fields: { zone: 'ü' },
}
const frameOf = (status: RunStatus, run: RunIdentity | null = RUN): Buffer => encodeLifecycle({ status, run })

type TestLog = ReturnType<typeof openNow>

/** Writes a lifecycle frame and makes it durable, on this thread. */
function tell(log: TestLog, status: RunStatus, run?: RunIdentity): void {
  const told = log['writer'].control(KIND.lifecycle, frameOf(status, run))
  log.syncNow()
  told.catch(() => undefined)
}

/** `L` a lifecycle frame, `r` a record, `^` a roll. */
function wrote(sequence: string): {
  readonly env: SimulatedEnvironment
  readonly log: TestLog
  readonly count: number
} {
  const env = machine()
  const log = openNow(env)
  for (const each of sequence) {
    if (each === 'L') tell(log, 'running')
    else if (each === 'r') fill(log, log.lastSequence + 1)
    else log.roll()
  }
  return { env, log, count: sequence.replaceAll(/[^r]/g, '').length }
}

const SEQUENCES = ['L', 'LL', 'rL', 'Lr', 'rrLr', 'LrrLL', 'L^r', 'L^L', 'rL^Lr', 'L^L^L^rL', 'rr^L']

describe('a log with lifecycle frames', () => {
  it.each(SEQUENCES)('%s: killed or powerless, it ends where it ended, and goes on', async (sequence) => {
    const { env, count } = wrote(sequence)
    await env.settle()
    const ends = [env.crash(1, { unsynced: 'lost' }), env.crash(2, { unsynced: 'kept' }), env.kill(1)]
    for (const after of ends) {
      const { log, report } = tryOpen(after)
      expect(report).toMatchObject({ end: 'clean', lastSequence: count, findings: [], lost: [], cut: undefined })
      expect(readable(log!)).toEqual(upTo(count))
      fill(log!, count + 3)
      tell(log!, 'running')
      const again = tryOpen(copyOf(after))
      expect(again.report).toMatchObject({ end: 'clean', lastSequence: count + 3, findings: [] })
      expect(readable(again.log!)).toEqual(upTo(count + 3))
      expect(names(after).filter((name) => name.startsWith('cut/'))).toEqual([])
    }
  })

  it.each(SEQUENCES)('%s: closed, it is closed', async (sequence) => {
    const { env, log, count } = wrote(sequence)
    await env.drive(log.close())
    const again = tryOpen(env)
    expect(again.report).toMatchObject({ end: 'closed', lastSequence: count, findings: [], notes: [] })
    expect(readable(again.log!)).toEqual(upTo(count))
  })

  it('a lifecycle frame that was never acknowledged is cut at every byte, and the records before it stay', () => {
    const { env, log } = wrote('rrLr')
    const group = unacknowledged(env, () => tell(log, 'ended'))
    for (let at = group.start; at < group.end; at++) {
      const cut = copyOf(env)
      zero(cut, segment(1), at)
      const opened = tryOpen(cut, { sameBoot: true })
      const isWhole = !env.files
        .read(segment(1))
        .subarray(at, group.end)
        .some((byte) => byte !== 0)
      expect(opened.report!.end).toBe(at === group.start || isWhole ? 'clean' : 'torn')
      expect(readable(opened.log!)).toEqual(upTo(3))
    }
  })

  it('an acknowledged one that is gone is CORRUPT: the slot knows where the log ended', () => {
    const { env, log } = wrote('rr')
    const { offset } = position(env)
    tell(log, 'ended')
    const cut = copyOf(env)
    zero(cut, segment(1), offset)
    expect(tryOpen(cut).refused?.code).toBe('CORRUPT')
  })

  it('one that fills no segment of its own rolls as a record does', () => {
    const { env, log } = wrote('')
    while (log['writer'].openSegments.at(-1)!.end < 3900) log.commitSync(item(log.lastSequence + 1, 10))
    const { lastSequence } = log
    tell(log, 'ended', { ...RUN, fields: { long: 'x'.repeat(500) } })
    expect(log['writer'].openSegments.at(-1)!.plan.ordinal).toBe(2)
    fill(log, lastSequence + 2)
    const { report, log: again } = tryOpen(copyOf(env))
    expect(report).toMatchObject({ lastSequence: lastSequence + 2, findings: [] })
    expect(readable(again!)).toEqual(upTo(lastSequence + 2))
  })
})

describe('status and identity are rebuilt from lifecycle frames', () => {
  const look = (env: SimulatedEnvironment): Inspection => runNow(env, inspect(DIR))
  const ended = { ...RUN, endedAt: '7' }
  const LOST: readonly (readonly [string, (env: SimulatedEnvironment) => void])[] = [
    ['all manifests lost', (env) => manifests(env).forEach((path) => env.files.remove(path))],
    [
      'the newest manifest damaged',
      (env) => {
        expect(manifests(env).length).toBe(2)
        spoil(env, manifests(env)[0]!, 90)
      },
    ],
  ]
  /** One more generation, so that there is one before the newest. */
  const again = (env: SimulatedEnvironment, log: TestLog): void =>
    runNow(
      env,
      log['writer']['manifests'].update((manifest) => manifest),
    )

  it.each(LOST)('%s: the last one says what the run was', (_, harm) => {
    for (const status of ['ended', 'crashed-recovered', 'quarantined'] as const) {
      const { env, log } = wrote('Lrr')
      tell(log, status, ended)
      again(env, log)
      const copy = copyOf(env)
      harm(copy)
      expect(look(copy).manifest).toMatchObject({ status, run: ended })
    }
  })

  it.each(LOST)('%s, and records follow it: the sealing never was acknowledged, the run goes on', (_, harm) => {
    const { env, log } = wrote('Lrr')
    tell(log, 'ended', ended)
    fill(log, 4)
    again(env, log)
    const copy = copyOf(env)
    harm(copy)
    expect(look(copy).manifest).toMatchObject({ status: 'running', run: RUN })
  })

  it('with a sound manifest they decide nothing', () => {
    const { env, log } = wrote('Lrr')
    tell(log, 'ended', ended)
    expect(look(copyOf(env)).manifest).toMatchObject({ status: 'running', run: null })
  })

  it('one that says nothing is no reason to lose the log', () => {
    const { env, log } = wrote('rr')
    for (const payload of ['', '{', 'null', '[]', '{"status":"gone","run":null}', '{"status":"ended"}']) {
      log['writer'].control(KIND.lifecycle, Buffer.from(payload)).catch(() => undefined)
      log.syncNow()
    }
    const copy = copyOf(env)
    LOST[0]![1](copy)
    expect(look(copy).manifest).toMatchObject({ status: 'running', run: null })
    expect(readable(tryOpen(copy).log!)).toEqual(upTo(2))
  })
})
