import { type LockState, breakLock, inspectLock } from '../../segments/lock.ts'
import type { LockFinding } from '../../segments/lock-survey.ts'
import { survey } from '../../recovery/verify-survey.ts'
import { later } from '../read/later.ts'
import { Advised, type Command, EXIT, type Request } from './command.ts'
import { printable, quoted } from './text.ts'

export const lock: Command = {
  name: 'lock',
  summary: 'tell who holds the lock of a log, and remove one that was left behind',
  operands: ['directory'],
  options: {
    break: { help: 'remove the lock, where its holder is proven dead' },
    confirm: {
      value: 'sentence',
      help: 'with --break: you know that the holder is dead, though nothing here proves it',
    },
  },
  notes: [
    'The lock of a dead process is taken over by the next opening by itself. --break is for a holder of which nothing can be proven, on another host, say.',
    'Make sure that it is dead: two writers ruin a log. The lock of a holder that lives is never broken.',
  ],
  examples: [
    ['seglog lock ./orders', 'who holds it, and how that is known'],
    ['seglog lock ./orders --break', 'remove it; where nothing is proven, the answer has the sentence to confirm'],
  ],
  async run(request) {
    const { operands, options, world } = request
    const directory = world.env.absolute(operands[0]!)
    const state = await inspectLock(world.env, directory)
    // A directory without a lock may be anything; one with a lock is taken for a log, however damaged.
    if (state.life === 'free') await later(world.env, survey(directory))
    print(request, state)
    if (!options.has('break') || state.life === 'free') return EXIT.sound
    await breakIt(request, directory, state)
    request.out.object({ type: 'broken' })
    request.out.line('the lock is removed')
    return EXIT.sound
  },
}

function print({ out, operands }: Request, { life, locks }: LockState): void {
  out.object({
    type: 'lock',
    life,
    locks: locks.map(({ life: own, why, file, owner }) => ({ life: own, why, file, owner })),
  })
  if (life === 'free') out.line('free: no lock file is there')
  for (const each of locks) {
    const style = each.life === 'alive' ? 'green' : each.life === 'dead' ? 'dim' : 'yellow'
    const holder = each.owner === undefined ? 'the lock file' : `${holderText(each)} since ${sinceText(each)}, who`
    out.line(`${out.styled(each.life, style)}: ${printable(`${holder} ${each.why}`)}`)
  }
  if (life === 'dead')
    out.line(`the next opening for writing takes it over; or type: seglog lock ${quoted(operands[0]!)} --break`)
}

async function breakIt({ operands, options, world }: Request, directory: string, state: LockState): Promise<void> {
  const doubtful = state.locks.filter((each) => each.life !== 'dead')
  const isAlive = doubtful.some((each) => each.life === 'alive')
  if (doubtful.length === 0 || isAlive) return breakLock(world.env, directory)
  const sentence = doubtful.map(sentenceOf).join(', ')
  if (options.text('confirm') === sentence) return breakLock(world.env, directory, { evenIfUnproven: state })
  const message = 'nothing here proves that the holder is dead. Make sure that it is: two writers ruin a log.'
  throw new Advised(message, `seglog lock ${quoted(operands[0]!)} --break --confirm ${quoted(sentence)}`)
}

/** What an operator says who breaks a lock without a proof. */
function sentenceOf(each: LockFinding): string {
  return each.owner === undefined ? 'nobody writes this log' : `${holderText(each)} is dead`
}

function holderText({ owner }: LockFinding): string {
  return owner === undefined ? 'nobody known' : `pid ${owner.pid} on host ${printable(owner.host)}`
}

function sinceText({ owner }: LockFinding): string {
  const date = new Date(owner?.acquiredAtMs ?? NaN)
  return Number.isNaN(date.getTime()) ? 'a time unknown' : date.toISOString()
}
