import fc from 'fast-check'
import { describe, expect, test } from 'vitest'

import { Bank, type Mistake } from '../../docs/examples/testing/bank.ts'
import { BankSubject, type Command } from '../../docs/examples/testing/bank-subject.ts'
import {
  type Case,
  CaseFailed,
  type Exploration,
  explore,
  type ExploreOptions,
  type FaultOutcome,
  runCase,
  simulate,
} from '../../lib/testing.ts'
import { textFile } from '../tidy/files.ts'

/** The example of `docs/testing.md`, sound and with each of its mistakes. */
const COMMANDS: readonly Command[] = [
  { do: 'deposit', to: 'Ann', amount: 100 },
  { do: 'wait' },
  { do: 'transfer', from: 'Ann', to: 'Bob', amount: 30 },
  { do: 'wait' },
  { do: 'deposit', to: 'Bob', amount: 5 },
  { do: 'transfer', from: 'Bob', to: 'Ann', amount: 35 },
  { do: 'transfer', from: 'Bob', to: 'Ann', amount: 1 },
  { do: 'wait' },
  { do: 'transfer', from: 'Ann', to: 'Cid', amount: 105 },
]

/** The calls before make the empty log; they have a test of their own. */
const FROM = 40

describe('on a simulated machine', () => {
  test('a power cut keeps what was acknowledged, and of the rest what the test or the seed says', async () => {
    const env = simulate(7)
    env.files.makeDirectory('/bank')
    const bank = await env.drive(Bank.open({ directory: '/bank', environment: env }))
    await env.drive(bank.deposit('first', 'Ann', 100))

    env.hold((call) => call.do === 'write')
    void bank.deposit('second', 'Ann', 1)
    await env.settle()

    for (const unsynced of ['lost', 'kept'] as const) {
      const next = env.crash(1, { unsynced })
      const reopened = await next.drive(Bank.open({ directory: '/bank', environment: next }))
      expect(reopened.commands.has('first')).toBe(true)
      expect(reopened.commands.has('second')).toBe(unsynced === 'kept')
    }
  })

  test('a write that fails is told to the customer, and a rotten bit to whoever opens the bank', async () => {
    const env = simulate(7, { trace: true })
    env.files.makeDirectory('/bank')
    const bank = await env.drive(Bank.open({ directory: '/bank', environment: env }))
    await env.drive(bank.deposit('first', 'Ann', 100))

    env.calls.fault({ when: (call) => call.do === 'write', outcome: 'EIO' })
    await expect(env.drive(bank.deposit('second', 'Ann', 1))).rejects.toMatchObject({ code: 'IO' })
    expect(env.calls.trace.at(-1)).toMatchObject({ do: 'write', failed: 'EIO' })

    const next = env.kill(1)
    const segment = next.files.paths('/bank').find((path) => path.includes('/segment-'))!
    const first = Buffer.from(next.files.read(segment)).indexOf('first')
    next.files.flip(segment, 8 * first)
    const opening = next.drive(Bank.open({ directory: '/bank', environment: next }))
    await expect(opening).rejects.toMatchObject({ code: 'CORRUPT' })
  })
})

describe('the sound bank', () => {
  test('keeps its promises wherever it dies', async () => {
    const done = await explore(new BankSubject(), { seed: 1, commands: COMMANDS, from: FROM, outcomes: 1 })
    expect(done.cases).toBeGreaterThan(300)
  })

  test('keeps its promises wherever it dies while it makes its log', async () => {
    await explore(new BankSubject(), { seed: 1, commands: [], every: 10, outcomes: 1, nested: 1 })
  })

  const outcomes: FaultOutcome[] = ['EIO', 'sync-fails-and-drops-dirty-pages']
  test.each(outcomes)('keeps its promises whichever call meets %s', async (outcome) => {
    await explore(new BankSubject(), { seed: 1, commands: COMMANDS, from: FROM, faults: [outcome] })
  })

  test('keeps its promises with commands that nobody thought of', async () => {
    const account = fc.constantFrom('Ann', 'Bob', 'Cid')
    const amount = fc.integer({ min: 1, max: 50 })
    const command: fc.Arbitrary<Command> = fc.oneof(
      fc.record({ do: fc.constant('deposit'), to: account, amount }),
      fc.record({ do: fc.constant('transfer'), from: account, to: account, amount }),
      fc.record({ do: fc.constant('wait') }),
    )
    const drawn = fc.sample(fc.array(command, { minLength: 6, maxLength: 12 }), { seed: 1, numRuns: 2 })
    for (const commands of drawn) {
      await explore(new BankSubject(), { seed: 1, commands, from: FROM, every: 2, outcomes: 1, nested: 1 })
    }
  })
})

describe('a bank with a mistake is found out, and the history runs again', () => {
  const mistakes: [Mistake, string][] = [
    ['acknowledges before durability', 'was acknowledged and is lost'],
    ['applies a transfer by halves', 'money is not conserved'],
  ]
  test.each(mistakes)('%s', async (mistake, complaint) => {
    const failed = await firstFailure(mistake)
    expect(failed.reason).toContain(complaint)

    const history = JSON.parse(failed.message.split('run again: ')[1]!) as Case<Command>
    const again = await failureOf(runCase(new BankSubject(mistake), history, true))
    expect(again?.reason).toBe(failed.reason)
    expect(again?.trace).toEqual(failed.trace)
    await runCase(new BankSubject(), history)
  })

  test.each([undefined, ...mistakes.map(([mistake]) => mistake)])(
    'nobody notices while nothing dies: %s',
    async (bug) => {
      const env = simulate(1)
      const options = { directory: '/bank', environment: env, ...(bug && { mistake: bug }) }
      const bank = await env.drive(Bank.open(options))
      expect(await env.drive(bank.deposit('first', 'Ann', 10))).toBe('done')
      expect(await env.drive(bank.transfer('second', 'Ann', 'Bob', 4))).toBe('done')
      expect(await env.drive(bank.transfer('third', 'Ann', 'Bob', 7))).toBe('refused')
      await env.drive(bank.close())
      const reopened = await env.drive(Bank.open(options))
      expect(Object.fromEntries(reopened.balances)).toEqual({ Ann: 6, Bob: 4 })
    },
  )

  test('the same seed finds the same history', async () => {
    const options = { seed: 1, commands: COMMANDS, from: FROM, shrinkMs: 0 }
    const explored = (): Promise<Exploration> => explore(new BankSubject('acknowledges before durability'), options)
    const failed = await failureOf(explored())
    expect(failed?.history).toEqual((await failureOf(explored()))?.history)
  })
})

describe('the page', () => {
  const { text } = textFile('docs/testing.md')

  test('shows code that is in the file named above it', () => {
    const blocks = [...text.matchAll(/^`([\w./-]+)`:\n\n```ts\n(.*?)^```$/gms)]
    expect(blocks.length).toBeGreaterThan(4)
    expect(blocks).toHaveLength(text.match(/^```ts$/gm)!.length)
    for (const [, path, code] of blocks) expect(trimmed(textFile(path!).text)).toContain(trimmed(code!))
  })
})

/** Most seeds find each mistake; one of a few does. */
async function firstFailure(mistake: Mistake): Promise<CaseFailed<Command>> {
  for (let seed = 1; seed <= 10; seed++) {
    const options: ExploreOptions<Command> = { seed, commands: COMMANDS, from: FROM, shrinkMs: 1_000 }
    const failed = await failureOf(explore(new BankSubject(mistake), options))
    if (failed !== undefined) return failed
  }
  throw new Error(`ten seeds did not find that the bank ${mistake}`)
}

/** Undefined where no promise was broken. */
async function failureOf(work: Promise<unknown>): Promise<CaseFailed<Command> | undefined> {
  try {
    await work
    return undefined
  } catch (error) {
    if (error instanceof CaseFailed) return error as CaseFailed<Command>
    throw error
  }
}

/** Lines without what they are indented by. */
function trimmed(code: string): string {
  return code.replace(/^ +/gm, '')
}
