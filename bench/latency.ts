import { closeSync } from 'node:fs'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { openLog } from '../lib/index.ts'
import { type Result, check, resultOf } from './measure/contest.ts'
import { inDirectory } from './measure/disk.ts'
import { noise, orderEvents } from './measure/events.ts'
import { bars } from './measure/drawing.ts'
import { fillFile, openFile, writeAt } from './measure/limits.ts'
import { plot } from './measure/plot.ts'
import { Arrivals, Times } from './measure/statistics.ts'
import { figure } from './measure/tables.ts'
import { amount } from './options.ts'
import { absence } from './peers/all.ts'
import { lmdbShapes } from './peers/lmdb.ts'
import type { Peer } from './peers/peer.ts'

const RATES = [1_000, 5_000, 20_000, 50_000]
const GOAL_RATE = 20_000
const SECONDS = amount(10, 0.5)
const ROUNDS = amount(3, 1)
const SHARES = [0.5, 0.9, 0.99, 0.999, 0.9999, 1]
const PERCENTILES = SHARES.map((share) => (share === 1 ? 'highest' : `p${+(share * 100).toFixed(2)}`))
/** Small enough that a few seconds at 1,000 a second have rolls in them too. */
const SEGMENT_BYTES = 1024 * 1024

/** An order event in its frame. */
const FRAME_BYTES = 88

interface Timed {
  readonly times: Times
}

interface Measured extends Timed {
  readonly rolls: number
  /** Milliseconds. */
  readonly loopDelayP99: number
  readonly loopDelayHighest: number
}

/** P11: how long a commit takes when commits come at a rate of their own, whether or not those before are done. */
export async function measure(): Promise<Result[]> {
  const other = absence(lmdbShapes) ?? { name: `${lmdbShapes.name}, p99`, role: 'peer' as const, run: () => 0 }
  const raw: Timed[] = []
  const grouped: Timed[] = []
  const others: Timed[] = []
  const runs = new Map<number, Measured[]>(RATES.map((rate) => [rate, []]))
  // In turn, as everywhere: what slows the machine for a while slows all of them. The first round warms up.
  for (let round = 0; round <= ROUNDS; round++) {
    const isCounted = round > 0
    const add = <T>(found: T[], one: T): void => void (isCounted && found.push(one))
    add(raw, await rawSync())
    for (const rate of RATES) add(runs.get(rate)!, await commits(rate))
    add(grouped, await rawGroups(GOAL_RATE))
    if (!('absent' in other)) add(others, await commitsOf(lmdbShapes, GOAL_RATE))
  }
  const at = runs.get(GOAL_RATE)!
  const p99 = (found: readonly Timed[]): number[] => found.map(({ times }) => times.percentile(0.99))
  const result = resultOf(
    {
      target: 'P11',
      title: `p99 of commit at ${GOAL_RATE.toLocaleString('en')} a second`,
      unit: `microseconds unless the row says otherwise; ${SECONDS} seconds each`,
      rounds: ROUNDS,
      contestants: [
        { name: 'seglog commit, p99', role: 'ours', run: () => 0 },
        { name: 'raw O_DSYNC write of 4 KiB, one by one, p99', role: 'limit', goal: { atMost: 3 }, run: () => 0 },
        { name: `raw O_DSYNC writes of what came meanwhile, p99`, role: 'limit', run: () => 0 },
        { name: 'event loop delay meanwhile, p99, milliseconds', role: 'ours', ownGoal: { atMost: 2 }, run: () => 0 },
        other,
      ],
      notes: [
        'Open loop: commit n is due at n / rate and its time counts from there, also when the event loop or those before made it late.',
        `Segments of ${SEGMENT_BYTES / 1024} KiB, so that rolls are in it: ${RATES.map((rate) => `${rollsOf(runs.get(rate)!)} at ${rate.toLocaleString('en')}`).join(', ')} a second.`,
        'The loop never sleeps meanwhile: it looks on each turn which commits are due. The delay is what Node measures with a timer of 1 ms, less that millisecond.',
        `The second limit is what the first cannot be: writes of ${FRAME_BYTES} bytes for each commit that came while the one before was out, in the same open loop, over zeros in one file: no codec, no frames, no rolls, nothing beside it.`,
        'Percentiles are exact, over all rounds together: every time is kept.',
      ],
    },
    [p99(at), p99(raw), p99(grouped), at.map(({ loopDelayP99 }) => loopDelayP99), p99(others)],
  )
  // The same row of a round is not divided: a delay of the loop is no time of a commit.
  const rows = result.rows.map((row, index) => (index === 3 ? { ...row, ratio: undefined } : row))
  const all = RATES.map((rate) => [rate, together(runs.get(rate)!)] as const)
  const rawAll = together(raw)
  return [
    {
      ...result,
      rows,
      tables: [percentiles(all, rawAll, together(grouped), runs)],
      drawing: all
        .map(([rate, times]) => `${rate.toLocaleString('en')} a second\n${bars(times.steps(), 'µs')}`)
        .join('\n\n'),
      plots: { 'latency.svg': drawn(all, rawAll) },
    },
  ]
}

function commits(rate: number): Promise<Measured> {
  const { values } = orderEvents(10_000)
  return inDirectory(async (directory) => {
    const log = await openLog(directory, { segmentBytes: SEGMENT_BYTES })
    const count = rate * SECONDS
    const times = new Times(count)
    const delay = monitorEventLoopDelay({ resolution: 1 })
    delay.enable()
    let n = 0
    await openLoop(rate, count, times, () => log.commit(values[n++ % values.length]))
    delay.disable()
    check(times.count === count && log.highWatermark === count, 'every commit was answered')
    const { bytes } = log.stats()
    await log.close()
    return {
      times,
      rolls: Math.floor(bytes / SEGMENT_BYTES),
      loopDelayP99: Math.max(0, delay.percentile(99) / 1e6 - 1),
      loopDelayHighest: Math.max(0, delay.max / 1e6 - 1),
    }
  })
}

/** The same of a peer, as fast as it answers. */
function commitsOf(peer: Peer, rate: number): Promise<Timed> {
  const { values } = orderEvents(10_000)
  return inDirectory(async (directory) => {
    const store = await peer.open(directory, 'values')
    const count = rate * SECONDS
    const times = new Times(count)
    let n = 0
    await openLoop(rate, count, times, () => Promise.resolve(store.commit(values[n++ % values.length])))
    await store.close()
    return { times }
  })
}

/** Makes calls when they are due, and notes for each how long after that it was done, in microseconds. */
function openLoop(rate: number, count: number, times: Times, call: () => Promise<unknown>): Promise<void> {
  return new Promise((resolve, reject) => {
    const arrivals = new Arrivals(performance.now(), rate, count)
    const turn = (): void => {
      const now = performance.now()
      for (let due = arrivals.takeDue(now); due !== undefined; due = arrivals.takeDue(now)) {
        const dueAt = due
        call().then(() => {
          times.add((performance.now() - dueAt) * 1000)
          if (times.count === count) resolve()
        }, reject)
      }
      if (!arrivals.isOver) setImmediate(turn)
    }
    turn()
  })
}

/** What the disk itself takes: one write through O_DSYNC after the other. */
function rawSync(): Promise<Timed> {
  return inDirectory(async (directory) => {
    const bytes = 64 * 1024 * 1024
    const from = noise(4096)
    fillFile(`${directory}/raw`, bytes, 'zeros')
    const handle = openFile(`${directory}/raw`, 'flag')
    const times = new Times()
    const end = performance.now() + Math.min(5, SECONDS) * 1000
    for (let at = 0; performance.now() < end; at = (at + 4096) % bytes) {
      const start = performance.now()
      await writeAt(handle, from, 4096, at)
      times.add((performance.now() - start) * 1000)
    }
    closeSync(handle)
    return { times }
  })
}

/**
 * The least that any log does at this rate: commits that came while a write was out go with the next one. One write at a
 * time, whose length is theirs, and who waits is told in order.
 */
function rawGroups(rate: number): Promise<Timed> {
  return inDirectory(async (directory) => {
    const count = rate * SECONDS
    const bytes = count * FRAME_BYTES
    const from = noise(1024 * 1024)
    fillFile(`${directory}/raw`, bytes, 'zeros')
    const handle = openFile(`${directory}/raw`, 'flag')
    const times = new Times(count)
    let waiting: (() => void)[] = []
    let isOut = false
    let at = 0
    const send = (): void => {
      const told = waiting
      isOut = told.length > 0
      if (!isOut) return
      waiting = []
      const length = told.length * FRAME_BYTES
      const done = writeAt(handle, from, length, at)
      at += length
      void done.then(() => {
        for (const tell of told) tell()
        send()
      })
    }
    const call = (): Promise<void> =>
      new Promise((resolve) => {
        waiting.push(resolve)
        // Those of one turn of the event loop share a write.
        if (isOut) return
        isOut = true
        setImmediate(send)
      })
    await openLoop(rate, count, times, call)
    closeSync(handle)
    return { times }
  })
}

function together(found: readonly Timed[]): Times {
  const all = new Times()
  for (const { times } of found) all.addAll(times)
  return all
}

function rollsOf(found: readonly Measured[]): string {
  return figure(Math.min(...found.map(({ rolls }) => rolls)))
}

function percentiles(
  all: readonly (readonly [number, Times])[],
  raw: Times,
  grouped: Times,
  runs: ReadonlyMap<number, readonly Measured[]>,
): { head: string[]; rows: string[][] } {
  const row = (name: string, times: Times): string[] => [
    name,
    ...SHARES.map((share) => figure(times.percentile(share))),
  ]
  return {
    head: ['commit, microseconds', ...PERCENTILES, 'loop delay p99, ms', 'highest'],
    rows: [
      ...all.map(([rate, times]) => {
        const found = runs.get(rate)!
        const delays = [
          found.map(({ loopDelayP99 }) => loopDelayP99),
          found.map(({ loopDelayHighest }) => loopDelayHighest),
        ]
        return [
          ...row(`${rate.toLocaleString('en')} a second`, times),
          ...delays.map((each) => figure(Math.max(...each))),
        ]
      }),
      [...row('*raw write, one by one*', raw), '', ''],
      [...row(`*raw groups, ${GOAL_RATE.toLocaleString('en')} a second*`, grouped), '', ''],
    ],
  }
}

/** Time over percentile, both on scales on which the rare ones are seen. */
function drawn(all: readonly (readonly [number, Times])[], raw: Times): string {
  const ranks = [0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 0.995, 0.999, 0.9995, 0.9999]
  const line = (name: string, times: Times): { name: string; points: [number, number][] } => ({
    name,
    points: ranks.map((share) => [1 / (1 - share), times.percentile(share)]),
  })
  return plot('Latency of commit by percentile', [
    {
      title: 'commit, open loop, from when it was due',
      x: {
        title: 'percentile',
        ticks: [2, 10, 100, 1000, 10_000].map((at) => [at, `p${+((1 - 1 / at) * 100).toFixed(2)}`]),
      },
      y: { title: 'µs' },
      lines: [
        ...all.map(([rate, times]) => line(`${rate.toLocaleString('en')} a second`, times)),
        line('raw write, one by one', raw),
      ],
    },
  ])
}
