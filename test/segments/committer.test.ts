import { describe, expect, test } from 'vitest'
import { openSegment } from '../../segments/segment-files.ts'
import { Committer } from '../../segments/committer.ts'
import { runNow } from '../../segments/env/steps.ts'
import { type SimulatedEnvironment, simulate } from '../../segments/env/simulated.ts'
import { SLOTS_FILE_BYTES } from '../../segments/format/layout.ts'
import { BufferPool, Deferred, Group } from '../../segments/group.ts'
import { Segment } from '../../segments/segment.ts'
import { SlotsFile } from '../../segments/slots-file.ts'

const BYTES = 64

/** A committer over two segments whose groups a test makes by hand. */
class Bench {
  readonly sim: SimulatedEnvironment
  readonly committer: Committer
  readonly segments: Segment[] = []
  /** What happened, in order. */
  readonly told: string[] = []
  waitsFor: Group | undefined
  private sequence = 0

  constructor(seed = 1) {
    const sim = (this.sim = simulate(seed, { trace: true }))
    sim.files.makeDirectory('/log')
    sim.files.write('/log/durable', new Uint8Array(SLOTS_FILE_BYTES))
    const handle = sim.call({ do: 'open', path: '/log/durable', access: 'write' })
    const slots = new SlotsFile(
      sim,
      handle,
      { logId: 'ab'.repeat(16), epoch: 1, ordinal: 1, offset: 0, sequence: 0 },
      0,
    )
    this.committer = new Committer(
      sim,
      slots,
      new BufferPool(2),
      { ordinal: 1, offset: 0, sequence: 0 },
      {
        takeFilling: () => undefined,
        sending: () => undefined,
        needSegment: (group) => (this.waitsFor = group),
        needSegmentNow: (group) => this.ready(group.segment),
        advanced: (group) => this.told.push(`advanced ${group.lastSequence}`),
        released: () => undefined,
        wrote: () => undefined,
        failed: (error) => this.told.push(`failed ${error.code}`),
      },
    )
    for (const ordinal of [1, 2]) {
      const path = `/log/segment-${ordinal}`
      sim.files.write(path, new Uint8Array(4096))
      this.segments.push(new Segment({ ordinal, salt: ordinal, segmentBytes: 4096 }, path, undefined, 1))
    }
    this.ready(this.segments[0]!)
  }

  ready(segment: Segment): void {
    segment.handles = runNow(this.sim, openSegment(segment.path))
  }

  group(synced: boolean, ordinal = 1): Group {
    const segment = this.segments[ordinal - 1]!
    const group = new Group(segment, segment.end, 0, ++this.sequence, Buffer.alloc(BYTES, this.sequence))
    group.length = BYTES
    segment.end += BYTES
    group.synced = synced
    const name = this.sequence
    group.written = new Deferred()
    // Who waits for a weak group asks for a sync.
    if (synced) group.durable = new Deferred()
    void group.durable?.promise.catch(() => undefined)
    void group.written.promise.then(
      () => this.told.push(`written ${name}`),
      () => this.told.push(`lost ${name}`),
    )
    return group
  }

  /** Reads and writes of segments, as "mode what file position". */
  calls(from = 0): string[] {
    return this.sim.calls.trace
      .slice(from)
      .filter((call) => call.path.includes('segment') && (call.do === 'write' || call.do === 'sync'))
      .map((call) => `${call.mode} ${call.do} ${call.path.at(-1)} ${call.position ?? ''}`.trim())
  }
}

describe('groups on their way to disk', () => {
  test('go out one at a time, in order, and each is told after its slot was written', async () => {
    const bench = new Bench()
    for (let i = 0; i < 4; i++) bench.committer.enqueue(bench.group(true))
    expect(bench.committer.backlogBytes).toBe(4 * BYTES)
    await bench.sim.settle()
    expect(bench.calls()).toEqual([0, 64, 128, 192].map((at) => `started write 1 ${at}`))
    expect(bench.told.filter((each) => each.startsWith('advanced'))).toEqual([1, 2, 3, 4].map((n) => `advanced ${n}`))
    expect(bench.told.filter((each) => each.startsWith('written'))).toEqual([1, 2, 3, 4].map((n) => `written ${n}`))
    const order = bench.sim.calls.trace.filter((call) => call.do === 'write').map((call) => call.path.at(-1))
    expect(order.join('')).toBe('1e1e1e1e')
    expect([bench.committer.backlogBytes, bench.committer.position.sequence]).toEqual([0, 4])
  })

  test('one that waits for its segment is sent when that is ready, and nothing overtakes it', async () => {
    const bench = new Bench()
    for (const ordinal of [1, 2, 2]) bench.committer.enqueue(bench.group(true, ordinal))
    await bench.sim.settle()
    expect(bench.calls()).toEqual(['started write 1 0'])
    bench.ready(bench.waitsFor!.segment)
    bench.committer.pump()
    await bench.sim.settle()
    expect(bench.calls()).toEqual(['started write 1 0', 'started write 2 0', 'started write 2 64'])
    expect(bench.committer.position).toEqual({ ordinal: 2, offset: 128, sequence: 3 })
  })

  test('a synced group after weak ones makes all of them durable with one sync more', async () => {
    const bench = new Bench()
    for (const synced of [false, false, true]) bench.committer.enqueue(bench.group(synced))
    await bench.sim.settle()
    expect(bench.calls().slice(2)).toEqual(['started write 1 128', 'started sync 1'])
    expect(bench.told.filter((each) => each.startsWith('advanced'))).toEqual(['advanced 3'])
  })

  test('a weak group of a successor goes out after a sync of its predecessor, and tells that', async () => {
    const bench = new Bench()
    bench.ready(bench.segments[1]!)
    for (const ordinal of [1, 2]) bench.committer.enqueue(bench.group(false, ordinal))
    await bench.sim.settle()
    expect(bench.calls()).toEqual(['started write 1 0', 'started sync 1', 'started write 2 0'])
    expect(bench.committer.position).toEqual({ ordinal: 1, offset: 64, sequence: 1 })
  })

  test('a flush writes the flight again, then each group by itself, on files of its own', async () => {
    const bench = new Bench()
    const release = bench.sim.hold((call) => call.do === 'write')
    for (let i = 0; i < 3; i++) bench.committer.enqueue(bench.group(true))
    bench.committer.flushNow()
    expect(bench.calls()).toEqual(['called write 1 0', 'called write 1 64', 'called write 1 128'])
    expect([bench.committer.position.sequence, bench.committer.counts.overtaken]).toEqual([3, 1])
    bench.committer.flushNow()
    expect(bench.calls().length).toBe(3)
    expect(bench.segments[0]!.outstanding).toBe(1)
    release()
    await bench.sim.settle()
    expect([bench.segments[0]!.outstanding, bench.committer.position.sequence, bench.committer.backlogBytes]).toEqual([
      0, 3, 0,
    ])
  })

  test('a flight that fails after it was overtaken fails the writer, and moves nothing back', async () => {
    const bench = new Bench()
    const release = bench.sim.hold((call) => call.do === 'write')
    bench.committer.enqueue(bench.group(true))
    bench.committer.flushNow()
    bench.sim.calls.fault({ when: (call) => call.mode === 'started', outcome: 'EIO' })
    release()
    await bench.sim.settle()
    expect([bench.committer.failure?.code, bench.committer.position.sequence]).toEqual(['IO', 1])
    expect(bench.told).toContain('failed IO')
  })

  test('after a failure nothing is sent, everyone who waits is told, and idle is told when no call is out', async () => {
    const bench = new Bench()
    const release = bench.sim.hold((call) => call.do === 'write')
    for (let i = 0; i < 3; i++) bench.committer.enqueue(bench.group(true))
    let idle = false
    bench.committer.whenIdle(() => (idle = true))
    bench.committer.fail(new Error('mine'))
    await bench.sim.settle()
    expect([idle, bench.told]).toEqual([false, ['failed IO', 'lost 1', 'lost 2', 'lost 3']])
    release()
    await bench.sim.settle()
    expect([idle, bench.committer.position.sequence, bench.calls()]).toEqual([true, 0, ['started write 1 0']])
    expect(() => bench.committer.flushNow()).toThrow(expect.objectContaining({ code: 'FAILED' }))
  })
})
