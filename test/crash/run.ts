import { parseArgs } from 'node:util'
import fc from 'fast-check'
import { type Case, CaseFailed } from '../../lib/testing/case.ts'
import type { Command } from '../../lib/testing/commands.ts'
import { explore, type ExploreOptions } from '../../lib/testing/explorer.ts'
import { runCase } from '../../lib/testing/lives.ts'
import { LogSubject } from '../../lib/testing/log-subject.ts'
import type { LogSetup } from '../../lib/testing/session.ts'
import { BYTE_VALUES, CBOR_VALUES, KEYED_VALUES } from '../../lib/testing/values.ts'
import type { FaultOutcome } from '../../segments/env/simulated.ts'
import { allCommands, failingCommands, operatedCommands, soundCommands } from './arbitraries.ts'

/**
 * Explores random workloads for a while: `npm run crash -- --minutes 5 --seed 1`. Stops at the first failure and prints
 * what runs it again: `npm run crash -- --case '{…}' --codec bytes`.
 */
const { values: given } = parseArgs({
  options: {
    minutes: { type: 'string', default: '1' },
    workloads: { type: 'string', default: 'Infinity' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    case: { type: 'string' },
    codec: { type: 'string', default: 'bytes' },
    segment: { type: 'string', default: '1024' },
    durability: { type: 'string', default: 'synced' },
    limits: { type: 'string', default: '0' },
  },
})

/** What Node cuts buffers from that need not be zeros; with its 8 KiB, making and collecting them took 6 % of a case. */
Buffer.poolSize = 256 * 1024

const FAULTS: readonly FaultOutcome[] = [
  'EIO',
  'ENOSPC',
  { bytes: 3 },
  'done-but-reported-failed',
  'sync-fails-and-drops-dirty-pages',
  'sync-fails-and-keeps-pages',
]

/** Of the queue and of the time until a sync; most logs have the defaults, which no small workload ever reaches. */
const LIMITS: readonly Partial<LogSetup>[] = [
  {},
  { syncIntervalMs: 20 },
  {},
  { queueSoftBytes: 64, queueHardBytes: 512 },
  { trailBytes: 128 },
  { syncIntervalMs: 100, queueSoftBytes: 512, queueHardBytes: 512 },
  { chain: 'sha256' },
  { compressions: ['none', 'deflate', 'brotli'] },
  {},
  { chain: 'sha256', trailBytes: 128 },
  {},
  {},
]

/** One workload of a seed: what it does, on which log, and how it is explored. */
function drawn(seed: number): { subject: LogSubject; options: ExploreOptions<Command>; name: string; limits: number } {
  const kind = seed % 4
  const isOperated = seed % 3 === 0
  const sound = isOperated ? operatedCommands : soundCommands
  const failing = isOperated ? allCommands : failingCommands
  const commands = fc.sample((kind === 1 ? failing : sound)(10), { seed, numRuns: 1 })[0]!
  const values = [CBOR_VALUES, BYTE_VALUES, BYTE_VALUES, KEYED_VALUES, BYTE_VALUES, BYTE_VALUES][seed % 6]!
  const segmentBytes = seed % 5 === 0 ? 4096 : 1024
  const name = `${['crash', 'crash with faults', 'crash', 'each call fails'][kind]} ${values.name} ${segmentBytes}`
  const faults = kind === 3 ? { faults: [FAULTS[(seed >> 2) % FAULTS.length]!] } : {}
  const durability = seed % 7 === 0 ? 'written' : 'synced'
  const limits = seed % LIMITS.length
  return {
    subject: new LogSubject({ values, segmentBytes, durability, ...LIMITS[limits] }),
    options: { seed, commands, every: 3, ...faults },
    name,
    limits,
  }
}

async function main(): Promise<void> {
  if (given.case !== undefined) return again(JSON.parse(given.case) as Case<Command>)
  const seed = Number(given.seed)
  const started = performance.now()
  const until = started + Number(given.minutes) * 60_000
  let cases = 0
  let points = 0
  let workloads = 0
  for (; performance.now() < until && workloads < Number(given.workloads); workloads++) {
    const { subject, options, name, limits } = drawn(seed + workloads)
    const withinMs = Math.max(1000, until - performance.now())
    try {
      const done = await explore(subject, { ...options, withinMs })
      cases += done.cases
      points += done.points
    } catch (error) {
      const { values, segmentBytes, durability } = subject.setup
      const how = `--codec ${values.name} --segment ${segmentBytes} --durability ${durability} --limits ${limits}`
      console.log(`seed ${seed + workloads} (${name}) failed after ${cases} cases; ${how}`)
      console.log(error instanceof CaseFailed ? error.message : error)
      process.exitCode = 1
      break
    }
    if (workloads % 10 === 9) report()
  }
  report()

  function report(): void {
    const seconds = (performance.now() - started) / 1000
    const { user, system } = process.cpuUsage()
    const rate = `${Math.round(cases / seconds)} a second, ${Math.round((cases / (user + system)) * 1e6)} a CPU second`
    console.log(`${workloads} workloads, ${cases} crashes and reopenings, ${points} crash points, ${rate}`)
  }
}

async function again(history: Case<Command>): Promise<void> {
  const values = [CBOR_VALUES, KEYED_VALUES].find(({ name }) => name === given.codec) ?? BYTE_VALUES
  try {
    const durability = given.durability === 'written' ? 'written' : 'synced'
    const limits = LIMITS[Number(given.limits)]
    await runCase(new LogSubject({ values, segmentBytes: Number(given.segment), durability, ...limits }), history, true)
    console.log('this case passes')
  } catch (error) {
    if (!(error instanceof CaseFailed)) throw error
    console.log(error.trace.join('\n'))
    console.log(error.message)
    process.exitCode = 1
  }
}

await main()
