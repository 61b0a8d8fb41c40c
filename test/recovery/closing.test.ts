import { describe, expect, it } from 'vitest'
import { openReadOnly } from '../../lib/open.ts'
import type { CallNote } from '../../segments/env/faults.ts'
import type { SimulatedEnvironment } from '../../segments/env/simulated.ts'
import { decodeManifest } from '../../segments/format/manifest.ts'
import { sidecarName } from '../../segments/format/names.ts'
import {
  DIR,
  type Item,
  copyOf,
  fill,
  manifests,
  names,
  openNow,
  readable,
  records,
  segment,
  tryOpen,
  upTo,
} from './world.ts'

/** A log that is closed right after a roll: nothing was written behind its last segment, which is sealed all the same. */

const LAST = 12

async function closed(when: (env: SimulatedEnvironment, call: CallNote) => void = () => undefined) {
  const { env, log } = records(LAST)
  log.roll()
  const watch = (call: CallNote): boolean => {
    when(env, call)
    return false
  }
  env.calls.fault({ when: watch, outcome: 'EIO' })
  await env.drive(log.close())
  env.calls.clearFaults()
  return env
}

/** Closes in this way, and sees what is there after a power cut in any call of it. */
async function hasLostNothing(close: typeof closed): Promise<void> {
  const crashes: SimulatedEnvironment[] = []
  await close((env, { index }) => {
    for (const unsynced of ['lost', 'kept', 'any'] as const) crashes.push(env.clone(index).crash(index, { unsynced }))
  })
  expect(crashes.length).toBeGreaterThan(30)
  for (const [index, crashed] of crashes.entries()) {
    const { log, report } = tryOpen(copyOf(crashed))
    expect(report, `crash ${index}`).toMatchObject({ lastSequence: LAST, findings: [], lost: [] })
    expect(readable(log!), `crash ${index}`).toEqual(upTo(LAST))
  }
}

function newest(env: SimulatedEnvironment) {
  const finding = decodeManifest(Buffer.from(env.files.read(manifests(env)[0]!)))
  if (finding.found !== 'manifest') throw new Error(finding.found)
  return finding.manifest
}

describe('a log that is closed right after a roll', () => {
  it('lists its last segment as sealed, cut to its length, with a sidecar', async () => {
    const env = await closed()
    const { segments, clean } = newest(env)
    expect(segments[0]).toMatchObject({ state: 'sealed', lastSequence: LAST })
    expect(clean).toEqual({ ordinal: 2, offset: 0, sequence: LAST })
    expect(env.files.read(segment(1)).length).toBe((segments[0] as { dataBytes: number }).dataBytes)
    expect(names(env)).toContain(sidecarName(1))
  })

  it('opens as one that was closed, without a look at the frames, and goes on', async () => {
    const env = await closed()
    let bytes = 0
    const isOfSegment = ({ do: what, path, length }: CallNote): boolean => {
      if (what === 'read' && path === segment(1)) bytes += length!
      return false
    }
    env.calls.fault({ when: isOfSegment, outcome: 'EIO' })
    const log = openNow(env)
    env.calls.clearFaults()
    expect(bytes).toBe(256)
    expect(log.recovery).toMatchObject({ end: 'closed', row: 'closed', lastSequence: LAST, findings: [], notes: [] })
    fill(log, LAST + 2)
    expect(readable(log)).toEqual(upTo(LAST + 2))
    await env.drive(log.close())
    const again = openNow(env)
    expect(again.recovery).toMatchObject({ end: 'closed', findings: [] })
    expect(readable(again)).toEqual(upTo(LAST + 2))
    const { findings } = await env.drive(again.verify())
    expect(findings).toEqual([])
  })

  it('has lost nothing, and has nothing to report, where it died in any call of its close', async () => {
    await hasLostNothing(closed)
  })
})

describe('a log whose first segment could not be sealed, closed right after another roll', () => {
  const ROLL_AT = 6

  async function closedUnsealed(when: (env: SimulatedEnvironment, call: CallNote) => void = () => undefined) {
    const { env, log } = records(ROLL_AT)
    log.roll()
    fill(log, LAST)
    let struck = 0
    env.calls.fault({
      when: ({ do: what, path }) => what === 'truncate' && path === segment(1) && ++struck > 0,
      outcome: 'EIO',
    })
    log.roll()
    await env.settle()
    expect(struck).toBe(1)
    const watch = (call: CallNote): boolean => {
      when(env, call)
      return false
    }
    env.calls.fault({ when: watch, outcome: 'EIO' })
    await env.drive(log.close())
    env.calls.clearFaults()
    return env
  }

  it('opens as one that was closed, with all its records, and is sealed then', async () => {
    const env = await closedUnsealed()
    expect(newest(env).segments.map(({ state }) => state)).toEqual(['open', 'sealed', 'open'])
    const log = openNow(env)
    expect(log.recovery).toMatchObject({ end: 'closed', row: 'closed', lastSequence: LAST, findings: [], lost: [] })
    expect(newest(env).segments.map(({ state }) => state)).toEqual(['sealed', 'sealed', 'open'])
    fill(log, LAST + 2)
    expect(readable(log)).toEqual(upTo(LAST + 2))
    expect((await env.drive(log.verify())).findings).toEqual([])
    await env.drive(log.close())
  })

  it('can be read and verified as it is', async () => {
    const env = await closedUnsealed()
    const reader = await env.drive(openReadOnly<Item>(DIR, { environment: env }))
    expect(Array.from(reader.read(), ({ sequence }) => sequence)).toEqual(upTo(LAST))
    expect((await env.drive(reader.verify())).findings).toEqual([])
    await reader.close()
  })

  it('has lost nothing where it died in any call of its close', async () => {
    await hasLostNothing(closedUnsealed)
  })
})
