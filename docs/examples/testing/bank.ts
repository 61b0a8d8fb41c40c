import { type Environment, type Log, openLog } from '../../../lib/index.ts'

/** A record: this command brought so much money to this account, or took it away. */
type Movement = { readonly command: string; readonly account: string; readonly amount: number }

/** Mistakes that can be switched on, to see that the test finds them. */
export type Mistake = 'acknowledges before durability' | 'applies a transfer by halves'

/** `environment`: the world; the real one when absent. A test gives a simulated one. */
type BankOptions = { readonly directory: string; readonly environment?: Environment; readonly mistake?: Mistake }

/** A sequencer: commands get their order here, and an answer when nothing can undo them any more. */
export class Bank {
  /** As of the last command, durable or not: the next one is checked against all before it. */
  readonly balances = new Map<string, number>()
  /** Those that were carried out: for customers who got no answer. */
  readonly commands = new Set<string>()
  readonly #log: Log<Movement>
  readonly #mistake: Mistake | undefined

  private constructor(log: Log<Movement>, mistake: Mistake | undefined) {
    this.#log = log
    this.#mistake = mistake
    for (const { value } of log.read()) this.#apply(value)
  }

  static async open({ directory, mistake, ...world }: BankOptions): Promise<Bank> {
    return new Bank(await openLog<Movement>(directory, world), mistake)
  }

  deposit(command: string, to: string, amount: number): Promise<'done'> {
    return this.#commit([{ command, account: to, amount }])
  }

  async transfer(command: string, from: string, to: string, amount: number): Promise<'done' | 'refused'> {
    if ((this.balances.get(from) ?? 0) < amount) return 'refused'
    const taken = { command, account: from, amount: -amount }
    return this.#commit([taken, { command, account: to, amount }])
  }

  close(): Promise<void> {
    return this.#log.close()
  }

  /** All movements of a command, or none. */
  async #commit(movements: readonly Movement[]): Promise<'done'> {
    const isHalf = this.#mistake === 'applies a transfer by halves'
    const last = isHalf ? movements.map((each) => this.#log.append(each)).at(-1)! : this.#log.appendBatch(movements)
    for (const movement of movements) this.#apply(movement)
    if (this.#mistake !== 'acknowledges before durability') await this.#log.durable(last)
    return 'done'
  }

  #apply({ command, account, amount }: Movement): void {
    this.commands.add(command)
    this.balances.set(account, (this.balances.get(account) ?? 0) + amount)
  }
}
