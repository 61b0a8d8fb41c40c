import { SeglogError } from '../../../lib/index.ts'
import type { Life, SimulatedEnvironment, Subject } from '../../../lib/testing.ts'
import { Bank, type Mistake } from './bank.ts'

/** What customers do; plain data, so that a failing history can be printed and run again. */
export type Command =
  | { readonly do: 'deposit'; readonly to: string; readonly amount: number }
  | { readonly do: 'transfer'; readonly from: string; readonly to: string; readonly amount: number }
  /** Until here nobody waited for an answer; now all do. */
  | { readonly do: 'wait' }

/** A command that was sent, as its customer knows it. */
interface Sent {
  readonly id: string
  readonly command: Exclude<Command, { do: 'wait' }>
  readonly answer: 'none' | 'done' | 'refused'
}

/** What the customers know: no crash of the bank touches it. */
export class Notes {
  readonly sent: Sent[]

  constructor(sent: readonly Sent[] = []) {
    this.sent = [...sent]
  }

  /** Notes a command before the bank hears of it; returns its index. */
  add(command: Sent['command']): number {
    const id = `command ${this.sent.length + 1}`
    return this.sent.push({ id, command, answer: 'none' }) - 1
  }

  answered(index: number, answer: Sent['answer']): void {
    this.sent[index] = { ...this.sent[index]!, answer }
  }
}

const DIRECTORY = '/bank'

/** The bank as what the explorer runs, crashes, reopens and asks. */
export class BankSubject implements Subject<Command, Notes> {
  readonly #mistake: Mistake | undefined

  constructor(mistake?: Mistake) {
    this.#mistake = mistake
  }

  begin(): Notes {
    return new Notes()
  }

  copy(notes: Notes): Notes {
    return new Notes(notes.sent)
  }

  async work(env: SimulatedEnvironment, commands: readonly Command[], notes: Notes, life: Life): Promise<void> {
    // Who installs the bank makes its directory: past all calls, and durable.
    env.files.makeDirectory(DIRECTORY)
    const bank = await this.#open(env, life)
    if (bank !== undefined) await sendAll(bank, commands, notes, life)
  }

  async reopen(env: SimulatedEnvironment, notes: Notes, life: Life): Promise<void> {
    const bank = await this.#open(env, life)
    if (bank === undefined) return
    check(bank, notes)
    if (life.goesOn) await sendAll(bank, GOING_ON, notes, life)
  }

  /** Undefined where calls fail and the log says so. */
  async #open(environment: SimulatedEnvironment, life: Life): Promise<Bank | undefined> {
    const mistake = this.#mistake && { mistake: this.#mistake }
    try {
      return await Bank.open({ directory: DIRECTORY, environment, ...mistake })
    } catch (error) {
      if (life.faulty && error instanceof SeglogError && error.code !== 'CORRUPT') return undefined
      throw error
    }
  }
}

/** Enough to write over what was torn, and to leave something on its way. */
const GOING_ON: readonly Command[] = [
  { do: 'deposit', to: 'Zoe', amount: 7 },
  { do: 'wait' },
  { do: 'transfer', from: 'Zoe', to: 'Ann', amount: 3 },
]

/** Sends commands as customers do: without waiting for each other, except where they do. */
async function sendAll(bank: Bank, commands: readonly Command[], notes: Notes, life: Life): Promise<void> {
  const answers: Promise<void>[] = []
  for (const command of commands) {
    if (command.do !== 'wait') answers.push(send(bank, command, notes, life))
    else await Promise.all(answers.splice(0))
  }
  await Promise.all(answers)
}

async function send(bank: Bank, command: Sent['command'], notes: Notes, life: Life): Promise<void> {
  const index = notes.add(command)
  const { id } = notes.sent[index]!
  try {
    if (command.do === 'deposit') notes.answered(index, await bank.deposit(id, command.to, command.amount))
    else notes.answered(index, await bank.transfer(id, command.from, command.to, command.amount))
  } catch (error) {
    // Where calls fail, a rejection is an honest answer: the command is there or not.
    if (!life.faulty || !(error instanceof SeglogError)) throw error
  }
}

/** The oracle: what must hold of the bank after any crash, seen from outside. */
function check(bank: Bank, notes: Notes): void {
  for (const { id, answer } of notes.sent) {
    if (answer === 'done' && !bank.commands.has(id)) throw new Error(`${id} was acknowledged and is lost`)
    if (answer === 'refused' && bank.commands.has(id)) throw new Error(`${id} was refused and is there`)
  }
  const there = notes.sent.filter(({ id }) => bank.commands.has(id))
  const deposited = there.reduce((sum, { command }) => sum + (command.do === 'deposit' ? command.amount : 0), 0)
  const held = [...bank.balances.values()].reduce((sum, amount) => sum + amount, 0)
  if (held !== deposited) throw new Error(`money is not conserved: ${deposited} deposited, ${held} held`)
  const expected = balancesAfter(there)
  for (const [account, amount] of bank.balances) {
    if (amount < 0) throw new Error(`${account} is overdrawn: ${amount}`)
    if (amount !== expected.get(account)) throw new Error(`${account} has ${amount}, not ${expected.get(account)}`)
  }
  remember(notes, there)
}

/** The bank as a plain function: without a log, without a crash. */
function balancesAfter(sent: readonly Sent[]): Map<string, number> {
  const balances = new Map<string, number>()
  const add = (account: string, amount: number): unknown => balances.set(account, (balances.get(account) ?? 0) + amount)
  for (const { command } of sent) {
    if (command.do === 'transfer') add(command.from, -command.amount)
    add(command.to, command.amount)
  }
  return balances
}

/** What an opening showed is a fact: from now on it must stay, and what it did not show must not come back. */
function remember(notes: Notes, there: readonly Sent[]): void {
  for (const [index, sent] of notes.sent.entries()) notes.answered(index, there.includes(sent) ? 'done' : 'refused')
}
