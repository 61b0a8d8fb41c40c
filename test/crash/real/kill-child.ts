import { once } from 'node:events'
import { type Log, openLog } from '../../../lib/index.ts'
import { say, settingsOf } from './children.ts'
import { type Sample, fraction, sample } from './records.ts'

/**
 * A writer that is to be killed. Says `ready`; when told `go`, opens the log, says `opened` with what it found, and then
 * appends in every way there is, saying `ack n` for what it was told is safe from a kill. Told `close`, it closes.
 */
export interface KillSettings {
  readonly directory: string
  readonly seed: number
  readonly life: number
}

export interface Opened {
  readonly end: string
  readonly lastSequence: number
  readonly lost: number
  readonly findings: readonly string[]
}

const IN_FLIGHT_MAX = 40
const { directory, seed, life } = settingsOf<KillSettings>()
/** Small segments roll often; long writes into larger ones are more often torn by the kill. */
const [segmentBytes, batchMax] = life % 2 === 1 ? [64 * 1024, 30] : [512 * 1024, 300]
const input = process.stdin.setEncoding('utf8')
let closing = false
let draws = 0

function draw(): number {
  draws += 1
  return fraction(seed, life, draws, 4)
}

function acknowledge(sequence: number): void {
  say(`ack ${sequence}`)
}

const next = (log: Log<Sample>): Sample => sample(seed, life, log.lastSequence + 1)

function batch(log: Log<Sample>): Sample[] {
  const from = log.lastSequence + 1
  const to = from + 1 + Math.floor(draw() * (draw() < 0.2 ? batchMax : 12))
  return Array.from({ length: to - from + 1 }, (_, index) => sample(seed, life, from + index, from, to))
}

/** Each way to write; a promise is one that acknowledges later. */
const WAYS: readonly ((log: Log<Sample>) => Promise<unknown> | undefined)[] = [
  (log) => log.commit(next(log)).then(acknowledge),
  (log) => log.commit(next(log)).then(acknowledge),
  (log) => {
    for (let left = Math.floor(draw() * 20); left > 0; left--) log.append(next(log))
    const last = log.lastSequence
    return log.durable(last).then(() => acknowledge(last))
  },
  (log) => log.commitBatch(batch(log)).then(acknowledge),
  // With the system, not on disk: a kill of the process does not take it back.
  (log) => log.commit(next(log), { durability: 'written' }).then(acknowledge),
  (log) => {
    acknowledge(log.commitSync(next(log)))
    return undefined
  },
  (log) => {
    acknowledge(log.commitBatchSync(batch(log)))
    return undefined
  },
  (log) => {
    if (draw() < 0.05) log.roll()
    log.append(next(log), { durability: 'queued' })
    return draw() < 0.3 ? log.sync() : undefined
  },
]

async function write(log: Log<Sample>): Promise<void> {
  const inFlight = new Set<Promise<unknown>>()
  while (!closing) {
    const done = WAYS[Math.floor(draw() * WAYS.length)]!(log)
    if (done !== undefined) {
      const counted = done.finally(() => inFlight.delete(counted))
      inFlight.add(counted)
    }
    if (inFlight.size >= IN_FLIGHT_MAX) await Promise.race(inFlight)
    else if (draw() < 0.5) await new Promise((resolve) => setImmediate(resolve))
    else if (draw() < 0.02) await Promise.all(inFlight)
  }
  await Promise.all(inFlight)
}

say('ready')
await once(input, 'data')
input.on('data', () => (closing = true)).on('end', () => (closing = true))
const log = await openLog<Sample>(directory, { segmentBytes })
const { end, lastSequence, lost, findings } = log.recovery
const found: Opened = { end, lastSequence, lost: lost.length, findings: findings.map((finding) => finding.message) }
say('opened', found)
await write(log)
const lastWritten = log.lastSequence
await log.close()
say('closed', lastWritten)
input.destroy()
