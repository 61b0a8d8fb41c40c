import fc from 'fast-check'
import type { Command } from '../../lib/testing/commands.ts'
import type { FaultOutcome } from '../../segments/env/simulated.ts'
import type { Durability } from '../../segments/placer.ts'

/** Sizes around the things that matter: nothing, an odd byte, a frame's unit, a sector, half a segment of 1 KiB. */
const size = fc.oneof(
  { weight: 3, arbitrary: fc.integer({ min: 4, max: 60 }) },
  { weight: 1, arbitrary: fc.constantFrom(0, 1, 7, 8, 9, 15, 16, 17) },
  { weight: 2, arbitrary: fc.integer({ min: 200, max: 512 }) },
)
const shape = fc.nat(4)
const level = fc.option(fc.constantFrom<Durability>('synced', 'written', 'queued'), { nil: undefined, freq: 3 })
const short = fc.constantFrom(0, 1, 7, 8, 9, 16, 24, 32)

function command<C extends Command>(
  weight: number,
  arbitrary: fc.Arbitrary<C>,
): { weight: number; arbitrary: fc.Arbitrary<Command> } {
  return { weight, arbitrary }
}

function only<const D extends Command['do'], R extends object>(
  name: D,
  rest: { [K in keyof R]: fc.Arbitrary<R[K]> },
): fc.Arbitrary<{ do: D } & R> {
  return fc.record({ do: fc.constant(name), ...rest }) as unknown as fc.Arbitrary<{ do: D } & R>
}

/** What a program does with a log while nothing fails. */
const sound = [
  command(5, only('append', { size, shape, level })),
  command(6, only('commit', { size, shape, level, wait: fc.boolean() })),
  command(5, only('commitSync', { size, shape })),
  command(
    4,
    only('batch', {
      sizes: fc.array(size, { minLength: 1, maxLength: 4 }),
      level,
      how: fc.constantFrom('append', 'commit', 'wait', 'sync'),
    }),
  ),
  command(3, only('fill', { short, how: fc.constantFrom('append', 'wait', 'sync') })),
  command(2, only('sync', { wait: fc.boolean() })),
  command(1, only('syncNow', {})),
  command(1, only('ready', {})),
  command(2, only('roll', {})),
  command(2, only('close-and-open', {})),
  command(2, only('read', { how: fc.constantFrom('now', 'later') })),
  command(2, only('follow', { from: fc.constantFrom('the first', 'the next') })),
  command(1, only('intrude', {})),
  command(2, only('settle', {})),
  command(2, only('pause', { ms: fc.constantFrom(1, 50, 250) })),
  command(1, only('clock', { ms: fc.constantFrom(-86_400_000, -1, 1, 400_000_000_000) })),
  command(3, only('hold', { of: fc.constantFrom('write', 'sync', 'rename', 'syncDirectory', undefined) })),
  command(1, only('release', {})),
]

const outcome = fc.constantFrom<FaultOutcome>(
  'EIO',
  'ENOSPC',
  { bytes: 0 },
  { bytes: 100 },
  { bytes: 100, error: 'EIO' },
  'done-but-reported-failed',
  'sync-fails-and-drops-dirty-pages',
  'sync-fails-and-keeps-pages',
)

/** A system that fails. */
const failing = [
  command(
    3,
    only('fail', {
      of: fc.constantFrom('write', 'sync', 'syncDirectory', 'rename', 'open', undefined),
      file: fc.constantFrom('segment', 'durable', 'manifest', undefined),
      skip: fc.nat(6),
      times: fc.constantFrom(1, 2, 1_000_000),
      outcome,
    }),
  ),
  command(1, only('full', { room: fc.constantFrom(0, 4096, 8192) })),
]

const quarters = fc.nat(4)
const wait = fc.boolean()

/** Who looks after a log while it is written. */
const operating = [
  command(4, only('archive', { quarters, to: fc.constantFrom('the log', 'elsewhere'), wait })),
  command(3, only('restore', { quarters, wait })),
  command(1, only('copy', { wait })),
  command(1, only('salvage', { rot: fc.option(fc.nat(5000), { nil: undefined, freq: 2 }) })),
]

function workload(
  commands: { weight: number; arbitrary: fc.Arbitrary<Command> }[],
  longest: number,
): fc.Arbitrary<Command[]> {
  return fc.array(fc.oneof(...commands), { minLength: 1, maxLength: longest, size: 'max' })
}

/** Commands of a world in which processes die and the power goes, and nothing else. */
export function soundCommands(longest: number): fc.Arbitrary<Command[]> {
  return workload(sound, longest)
}

/** The same, with calls that fail. */
export function failingCommands(longest: number): fc.Arbitrary<Command[]> {
  return workload([...sound, ...failing], longest)
}

/** As `soundCommands`, with an operator. */
export function operatedCommands(longest: number): fc.Arbitrary<Command[]> {
  return workload([...sound, ...operating], longest)
}

/** An operator of a system that fails. */
export function allCommands(longest: number): fc.Arbitrary<Command[]> {
  return workload([...sound, ...failing, ...operating], longest)
}
