/**
 * The main job of the library, end to end: a gateway gives each command of a feed its sequence in a durable log, matches
 * orders, publishes events and stores snapshots (`gateway-child.ts`), is killed at random moments, and goes on from its
 * newest snapshot, or from the one before where that is damaged, as one is on purpose. This is the parent. After each
 * kill it opens the log itself and checks that nothing that was acknowledged is lost, repeated or out of place.
 */
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { cbor, openLog } from '../../lib/index.ts'
import { ArgumentError, parseArguments, usage, type Arguments } from './arguments.ts'
import { GatewayState } from './book.ts'
import { EventListener } from './events.ts'
import { FeedError, loadFeed, type Feed } from './feed.ts'
import type { GatewaySettings } from './gateway-child.ts'
import { GatewayError, liveOnce, type Kill, type Life } from './gateway-life.ts'
import type { Message } from './messages.ts'
import { createRandom, type Random } from './random.ts'
import { checkReplay } from './replay.ts'
import { Resumption } from './resumption.ts'
import { count, createTerminal, rate, recoveryLines } from './terminal.ts'

/** Far smaller than the default of 64 MiB, so that this run also rolls from segment to segment, and is killed there. */
const segmentBytes = 1024 * 1024
/** A kill may come so much after the acknowledgement that triggers it: in the middle of a write, a sync, nothing. */
const killDelayMsMax = 4
/** So many snapshots are due while the feed lasts. */
const snapshotsPerFeed = 25
/** A short feed would spend all its time on them. */
const snapshotEveryMin = 20

const terminal = createTerminal(process.stdout)
process.exitCode = await main()

async function main(): Promise<0 | 1 | 2> {
  try {
    const args = parseArguments(process.argv.slice(2))
    if (args === 'help') {
      console.log(usage)
      return 0
    }
    const feed = loadFeed(args)
    const directory = emptyDirectory(args.directory)
    const problems = await run(args, feed, directory)
    return verdict(problems, directory, args.directory === undefined)
  } catch (error) {
    if (!(error instanceof ArgumentError || error instanceof FeedError)) throw error
    console.error(`${error.message}\n\nTry: npm start -- --help`)
    return 2
  }
}

/** Kills and checks until the feed is at its end; gives what is wrong. */
async function run(args: Arguments, feed: Feed, directory: string): Promise<string[]> {
  const { input, messages, seed } = args
  const snapshotEvery = Math.max(snapshotEveryMin, Math.floor(feed.messages.length / snapshotsPerFeed))
  const settings: GatewaySettings = { input, messages, seed, directory, segmentBytes, snapshotEvery }
  const random = createRandom(seed)
  const reference = new GatewayState()
  const listener = new EventListener(feed)
  const resumption = new Resumption(Math.ceil(args.kills / 2))
  const lives: Life[] = []
  terminal.line('feed', `${feed.name}: ${count(feed.messages.length)} messages`)
  terminal.line('log', directory)

  try {
    for (let killed = 0; killed <= args.kills; killed += 1) {
      const kill = nextKill(random, reference.applied, feed.messages.length, args.kills - killed)
      const life = await liveOnce(settings, kill, listener, ({ acknowledged, resumed, seconds }) => {
        const done = `${count(acknowledged)} of ${count(feed.messages.length)} acknowledged`
        terminal.progress(`${done}, ${rate(acknowledged - resumed.sequence, seconds)}`)
      })
      lives.push(life)
      describeLife(life, killed + 1, args.kills)
      const problems = [
        ...resumption.check(life, reference),
        ...(await checkLog(feed, directory, life, reference, resumption)),
        ...checkEvents(listener, reference),
      ]
      if (problems.length > 0) return problems
    }
    const unheard = feed.messages.length - listener.sequence
    if (unheard > 0) return [`the events of ${unheard} messages were never published`]
    const missing = feed.messages.length - reference.applied
    if (missing > 0) return [`${missing} messages of the feed never came into the log`]
  } catch (error) {
    // A log that cannot be opened or read, and a gateway that fails by itself, are verdicts: not this program's end.
    return [error instanceof GatewayError ? error.message : describeError(error)]
  }
  summarise(lives, reference, feed, listener)
  return []
}

/** When to kill next, leaving enough of the feed for the kills after it; undefined when none is left. */
function nextKill(random: Random, from: number, to: number, killsLeft: number): Kill | undefined {
  if (killsLeft === 0) return undefined
  const share = (to - from) / (killsLeft + 1)
  const sequence = from + Math.floor(share * (0.3 + 0.6 * random.fraction()))
  return { sequence, delayMs: random.integer(0, killDelayMsMax) }
}

/** Only what is durable may be told to the world. */
function checkEvents({ sequence }: EventListener, reference: GatewayState): string[] {
  if (sequence <= reference.applied) return []
  return [`events of message ${sequence} were published, but the log ends at ${reference.applied}`]
}

async function checkLog(
  feed: Feed,
  directory: string,
  life: Life,
  reference: GatewayState,
  resumption: Resumption,
): Promise<string[]> {
  const log = await openLog<Message>(join(directory, 'journal'), { codec: cbor(), segmentBytes })
  try {
    for (const line of recoveryLines(log.recovery)) terminal.line('  report', line)
    const { messages, seconds, digest, ownSequences, problems } = checkReplay(log, feed, life.acknowledged, reference)
    if (life.digest !== undefined && life.digest !== digest) problems.push('the living gateway had another digest')
    const beyond = `${count(messages - life.acknowledged)} more than acknowledged`
    terminal.line('  replay', `${count(messages)} messages, ${beyond}, at ${rate(messages, seconds)}`)
    if (problems.length === 0) {
      terminal.line('  same', `all, once, in order; digest ${digest.slice(0, 16)}; unbroken: ${ownSequences}`)
    }
    const damaged = life.end === 'killed' ? resumption.note(log) : undefined
    if (damaged !== undefined) terminal.line('  damage', `a byte of the snapshot at ${count(damaged)}, on purpose`)
    return problems
  } finally {
    await log.close()
  }
}

function describeLife(life: Life, number: number, kills: number): void {
  const { acknowledged, appended, resumed, seconds } = life
  if (resumed.sequence > 0) {
    const from = resumed.snapshot === 0 ? 'the first record' : `the snapshot at ${count(resumed.snapshot)}`
    const refused = resumed.refused === 0 ? '' : `, after ${resumed.refused} that was damaged`
    terminal.line('resumed', `at ${count(resumed.sequence)} from ${from}${refused}`)
  }
  const told = `${count(acknowledged)} acknowledged, at ${rate(acknowledged - resumed.sequence, seconds)}`
  if (life.end === 'finished') terminal.line('finished', told)
  else terminal.line(`kill ${number}/${kills}`, `${told}; at least ${count(appended - acknowledged)} in flight`)
}

function summarise(lives: Life[], reference: GatewayState, feed: Feed, listener: EventListener): void {
  const sum = (pick: (life: Life) => number) => lives.reduce((total, life) => total + pick(life), 0)
  const messages = sum((life) => life.acknowledged - life.resumed.sequence)
  const groups = sum((life) => life.groups)
  const size = groups > 0 ? (messages / groups).toFixed(1) : '-'
  const speed = rate(
    messages,
    sum((life) => life.seconds),
  )
  const syncs = count(sum((life) => life.syncs))
  terminal.line('summary', `${speed} acknowledged; ${count(groups)} groups of ${size} messages, ${syncs} syncs`)
  const { events, repeated } = listener
  terminal.line(
    'events',
    `${count(events)}, each as in a run without kills; of ${count(repeated)} messages they came again`,
  )
  const last = feed.messages.at(-1)
  if (last !== undefined) terminal.line('state', `${reference.summary(last.kind)}; digest ${reference.digest()}`)
}

function verdict(problems: string[], directory: string, temporary: boolean): 0 | 1 {
  for (const problem of problems) terminal.line('problem', problem)
  if (problems.length > 0) {
    terminal.line('verdict', `NO. The log is kept in ${directory}`)
    return 1
  }
  if (temporary) rmSync(directory, { recursive: true })
  terminal.line('verdict', 'yes: nothing acknowledged was lost, repeated or reordered')
  return 0
}

/** The run compares the log with the feed from the first message on, so it needs a log of its own. */
function emptyDirectory(given: string | undefined): string {
  if (given === undefined) return mkdtempSync(join(tmpdir(), 'seglog-gateway-'))
  if (!isEmpty(given)) throw new ArgumentError(`--directory must be new or empty: ${given}`)
  return given
}

function isEmpty(directory: string): boolean {
  try {
    mkdirSync(directory, { recursive: true })
    return readdirSync(directory).length === 0
  } catch (error) {
    throw new ArgumentError(`--directory cannot be used: ${(error as Error).message}`, { cause: error })
  }
}

function describeError(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error)
}
