import { cbor } from '../../lib/codecs/cbor.ts'
import type { Log } from '../../lib/log.ts'
import { openLogWith } from '../../lib/open.ts'
import type { Call, Done, Environment, ResultOf } from '../../segments/env/environment.ts'
import { type SimulatedEnvironment, simulate } from '../../segments/env/simulated.ts'
import { SMALL_BYTES } from '../recovery/small-log.ts'
import { DIR, type Item } from '../recovery/world.ts'

/** A machine for hostile directories: it counts calls, bytes and handles, and ends what goes on without an end. */

/** Name of each file of a log directory to its bytes; names may hold a slash. */
export type Directory = Map<string, Buffer>

export function directoryOf(env: SimulatedEnvironment): Directory {
  return new Map(env.files.paths(DIR).map((path) => [path.slice(DIR.length + 1), Buffer.from(env.files.read(path))]))
}

export const copyOf = (directory: Directory): Directory =>
  new Map([...directory].map(([name, bytes]) => [name, Buffer.from(bytes)]))

export function machineWith(directory: Directory): SimulatedEnvironment {
  const env = simulate(1, { landing: 'prompt' })
  env.files.makeDirectory(DIR)
  for (const [name, bytes] of directory) env.files.write(`${DIR}/${name}`, bytes)
  return env
}

/** Files that an opening may make, take over or remove even where it is refused. */
export const isPassing = (name: string): boolean => /^(lock-|tmp-)/.test(name)

/** All that must stay as it is: every name with its bytes, of the files that count. */
export function picture(env: SimulatedEnvironment, counts: (name: string) => boolean = () => true): string {
  const names = [...directoryOf(env)].filter(([name]) => !isPassing(name) && counts(name))
  return names.map(([name, bytes]) => `${name} ${bytes.length} ${bytes.toString('latin1')}`).join('\n')
}

/** An opening with reads of all kinds and a close takes some 400 calls. */
const CALLS_MAX = 20_000
/** A fresh active segment has up to 1 MiB, written once; nothing here has a reason to write more than a few of them. */
const WRITTEN_BYTES_MAX = 32 * 1024 * 1024

/** Stops work that would go on for ever. What catches it on its way is found out by `broken`. */
export class Endless extends Error {}

export class Guarded implements Environment {
  readonly world: SimulatedEnvironment
  readonly identity: Environment['identity']
  readonly open = new Map<number, string>()
  calls = 0
  written = 0
  /** Why this run was stopped. */
  broken: string | undefined

  constructor(world: SimulatedEnvironment) {
    this.world = world
    this.identity = world.identity
  }

  call<C extends Call>(call: C): ResultOf<C> {
    this.admit(call)
    const result = this.world.call(call)
    this.note(call, result)
    return result
  }

  start<C extends Call>(call: C, done: Done<ResultOf<C>>): void {
    this.admit(call)
    this.world.start(call, (error, result) => {
      if (error === null) this.note(call, result)
      done(error, result)
    })
  }

  private admit(call: Call): void {
    this.calls += 1
    if (call.do === 'write') this.written += call.length
    if (this.calls > CALLS_MAX) this.broken ??= `over ${CALLS_MAX} calls`
    if (this.written > WRITTEN_BYTES_MAX) this.broken ??= `over ${WRITTEN_BYTES_MAX} bytes written`
    if (this.broken !== undefined) throw new Endless(this.broken)
  }

  private note(call: Call, result: unknown): void {
    if (call.do === 'open') this.open.set(result as number, call.path)
    if (call.do === 'close') this.open.delete(call.handle)
  }

  nowMs = (): number => this.world.nowMs()
  monotonicMs = (): number => this.world.monotonicMs()
  after: Environment['after'] = (delayMs, task) => this.world.after(delayMs, task)
  defer: Environment['defer'] = (task) => this.world.defer(task)
  randomBytes: Environment['randomBytes'] = (count) => this.world.randomBytes(count)
  absolute: Environment['absolute'] = (path) => path
  startTimeOf: Environment['startTimeOf'] = (pid) => this.world.startTimeOf(pid)
  listen: Environment['listen'] = (path, done) => this.world.listen(path, done)
  probe: Environment['probe'] = (path, done) => this.world.probe(path, done)
  watch: Environment['watch'] = (directory, changed) => this.world.watch(directory, changed)
  stayAlive: Environment['stayAlive'] = () => this.world.stayAlive()
}

export type OnDamage = 'refuse' | 'accept-loss'

/** As a user opens it, lock and all, with segments of the size of the small log. */
export function openGuarded(env: Guarded, onDamage: OnDamage): Promise<Log<Item>> {
  const options = { environment: env, codec: cbor<Item>(), segmentBytes: SMALL_BYTES, onDamage }
  return env.world.drive(openLogWith<Item>(DIR, options, 512))
}

/** The limit of records in a log with default options, and room for windows and copies. */
const ALLOCATION_MAX = 16 * 1024 * 1024 + 4 * 1024 * 1024

/**
 * Watches every way in which the product asks for memory by a number: buffers, and typed arrays of a length. One that is
 * too large is refused, because some would take the test run with them. Call the result to stop and get what was asked.
 */
export function watchAllocations(): () => string[] {
  const excess: string[] = []
  const admit = (what: string, bytes: unknown): void => {
    if (typeof bytes !== 'number' || bytes <= ALLOCATION_MAX) return
    excess.push(`${what} of ${bytes} bytes`)
    throw new Endless(excess.at(-1))
  }
  const undo: (() => void)[] = []
  const watch = (owner: object, name: string, traps: ProxyHandler<object>): void => {
    const original = Reflect.get(owner, name) as object
    Object.assign(owner, { [name]: new Proxy(original, traps) })
    undo.push(() => Object.assign(owner, { [name]: original }))
  }
  for (const name of ['alloc', 'allocUnsafe', 'allocUnsafeSlow'] as const) {
    watch(Buffer, name, {
      apply(target, self, parts): unknown {
        admit(`Buffer.${name}`, parts[0])
        return Reflect.apply(target as () => unknown, self, parts)
      },
    })
  }
  for (const name of ['Uint8Array', 'Uint32Array', 'Int32Array', 'ArrayBuffer'] as const) {
    const unit = name === 'Uint32Array' || name === 'Int32Array' ? 4 : 1
    watch(globalThis, name, {
      construct(target, parts, made): object {
        if (typeof parts[0] === 'number') admit(name, parts[0] * unit)
        return Reflect.construct(target as () => void, parts, made) as object
      },
    })
  }
  return () => {
    for (const each of undo) each()
    return excess
  }
}
