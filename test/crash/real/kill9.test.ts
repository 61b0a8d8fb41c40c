import fs from 'node:fs'
import path from 'node:path'
import v8 from 'node:v8'
import vm from 'node:vm'
import { describe, expect, test } from 'vitest'
import { openLog } from '../../../lib/index.ts'
import { Child } from './children.ts'
import type { KillSettings, Opened } from './kill-child.ts'
import { openHandles, temporaryDirectory } from './machine.ts'
import { type Sample, fraction, problemsOf } from './records.ts'

const KILLS = Number(process.env.SEGLOG_KILLS ?? 20)
const SEED = Number(process.env.SEGLOG_SEED ?? Math.floor(Math.random() * 1e9))
const KILLS_PER_LOG = 20
const SEGMENT_BYTES = 64 * 1024
/** Memory after a collection may differ so much from one round to another; a log's content is far more. */
const HEAP_NOISE_BYTES = 6 * 1024 * 1024

/** What the parent knows of one log and the processes that wrote it. */
class Story {
  readonly directory = path.join(temporaryDirectory(), 'log')
  readonly seed: number
  readonly beganAfter: (number | undefined)[] = []
  acknowledged = 0
  /** How the last writer ended, as far as the next one can tell. */
  last: 'none' | 'closed' | 'killed' | 'killed while opening' = 'none'
  readonly ends: string[] = []

  constructor(seed: number) {
    this.seed = seed
  }

  nextChild(): Child {
    const settings: KillSettings = { directory: this.directory, seed: this.seed, life: this.beganAfter.length + 1 }
    return new Child('kill-child.ts', settings)
  }

  /** A life that ended: what it told counts, whatever became of it. */
  note(child: Child, end: 'closed' | 'killed'): void {
    const opened = child.lines.find((line) => line.startsWith('opened '))
    if (opened === undefined) {
      this.beganAfter.push(undefined)
      if (this.last === 'none' || this.last === 'closed') this.last = 'killed while opening'
      return
    }
    const found = JSON.parse(opened.slice('opened '.length)) as Opened
    this.checkOpening(found)
    this.beganAfter.push(found.lastSequence)
    for (const line of child.lines) {
      if (line.startsWith('ack ')) this.acknowledged = Math.max(this.acknowledged, Number(line.slice(4)))
    }
    this.last = end
  }

  checkOpening(found: Opened): void {
    const allowed = {
      none: ['new'],
      closed: ['closed'],
      killed: ['clean', 'torn', 'ambiguous'],
      'killed while opening': ['new', 'closed', 'clean'],
    }[this.last]
    expect(allowed, this.about('the report')).toContain(found.end)
    expect(found, this.about('the report')).toMatchObject({ lost: 0, findings: [] })
    expect(found.lastSequence, this.about('what was acknowledged')).toBeGreaterThanOrEqual(this.acknowledged)
    this.ends.push(found.end)
  }

  /** Opens the log here, and looks at every record. */
  async check(): Promise<void> {
    const log = await openLog<Sample>(this.directory, { segmentBytes: SEGMENT_BYTES })
    const { end, lastSequence, lost, findings } = log.recovery
    this.checkOpening({ end, lastSequence, lost: lost.length, findings: findings.map((finding) => finding.message) })
    expect(problemsOf(log, this), this.about('the records')).toEqual([])
    await log.close()
    this.last = 'closed'
  }

  about(what: string): string {
    return `${what} after life ${this.beganAfter.length}, SEGLOG_SEED=${SEED}, log seed ${this.seed}, ${this.directory}`
  }
}

/** Lets a child write until it is killed at a moment of its own, at times while it opens; some may close instead. */
async function live(story: Story, child: Child, next: () => void): Promise<void> {
  const round = story.beganAfter.length
  const chance = fraction(story.seed, round, 5)
  const moment = fraction(story.seed, round, 6)
  await child.line('ready')
  child.tell('go')
  next()
  if (chance < 0.2) {
    await sleep(moment * 12)
    await child.kill()
    return story.note(child, 'killed')
  }
  await child.line('opened')
  await sleep(moment * 150)
  if (chance < 0.85) {
    expect((await child.kill()).signal, `it lived until it was killed; ${child.lines.at(-1)}`).toBe('SIGKILL')
    return story.note(child, 'killed')
  }
  child.tell('close')
  expect(await child.ended).toEqual({ code: 0, signal: null })
  story.note(child, 'closed')
}

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

v8.setFlagsFromString('--expose-gc')
const collect = vm.runInNewContext('gc') as () => void

function heapBytes(): number {
  collect()
  const { heapUsed, arrayBuffers } = process.memoryUsage()
  return heapUsed + arrayBuffers
}

async function killOften(seed: number, kills: number): Promise<Story> {
  const story = new Story(seed)
  let handles = 0
  let heap = 0
  let child = story.nextChild()
  for (let round = 1; round <= kills; round++) {
    let following: Child | undefined
    await live(story, child, () => {
      // The next one starts up while this one writes; it is told where it belongs by its life.
      const settings = { directory: story.directory, seed, life: story.beganAfter.length + 2 }
      if (round < kills) following = new Child('kill-child.ts', settings)
    })
    // Every other time the next child is the first to see what this one left.
    if (round % 2 === 0 || round === kills) await story.check()
    if (round === 4) [handles, heap] = [openHandles(), heapBytes()]
    if (following !== undefined) child = following
  }
  if (kills > 4) {
    expect(openHandles(), story.about('open files')).toBeLessThanOrEqual(handles)
    expect(heapBytes() - heap, story.about('memory')).toBeLessThan(HEAP_NOISE_BYTES)
  }
  const names = fs.readdirSync(story.directory)
  const odd = names.filter((name) => {
    const sidecarOf = /^(segment-\d+)\.idx$/.exec(name)?.[1]
    if (sidecarOf !== undefined) return !names.includes(`${sidecarOf}.log`)
    return !/^(segment-\d+\.log|manifest-\d+\.json|durable|cut)$/.test(name)
  })
  expect(odd, story.about('what is left behind')).toEqual([])
  return story
}

describe('kill -9', () => {
  const logs = Math.ceil(KILLS / KILLS_PER_LOG)
  test(
    `${KILLS} kills lose, repeat and change nothing that was acknowledged`,
    { timeout: 60_000 + KILLS * 5000 },
    async () => {
      for (let number = 0; number < logs; number++) {
        const kills = Math.min(KILLS_PER_LOG, KILLS - number * KILLS_PER_LOG)
        const story = await killOften(SEED + number, kills)
        const segments = fs.readdirSync(story.directory).filter((name) => name.startsWith('segment-')).length
        const count = (end: string): number => story.ends.filter((each) => each === end).length
        const found = ['new', 'closed', 'clean', 'torn', 'ambiguous'].map((end) => `${count(end)} ${end}`).join(', ')
        console.log(
          `log ${SEED + number}: ${kills} kills, ${story.acknowledged} acknowledged in ${segments} segments; ${found}`,
        )
        expect(story.acknowledged).toBeGreaterThan(0)
      }
    },
  )
})
