import type {
  Call,
  Done,
  Environment,
  Handle,
  Listener,
  ProcessIdentity,
  ResultOf,
  SocketProbe,
  Timer,
} from '../../../segments/env/environment.ts'
import { type Covered, Durability } from './durability.ts'

/** A file, whatever it is called. */
export interface WatchedFile {
  name: string
}

interface OpenWatched {
  readonly file: WatchedFile
  readonly durable: boolean
}

interface Outstanding {
  readonly call: Call
  readonly file: WatchedFile | undefined
  /** Bytes of a write when it was started. */
  readonly bytes: Uint8Array | undefined
}

/**
 * Watches what a log does to the world, and notes each breach of the rules about late calls: who may close, truncate or
 * write a file while a call that was given away is outstanding, and what a frame may claim when it is sent.
 */
export class Watched implements Environment {
  readonly identity: ProcessIdentity
  readonly breaches: string[] = []
  readonly durability = new Durability((breach) => this.breaches.push(breach))
  readonly outstanding = new Set<Outstanding>()
  /** Calls that were started, by number; what a test holds back. */
  started = 0
  private readonly inner: Environment
  private readonly open = new Map<Handle, OpenWatched>()
  private readonly files = new Map<string, WatchedFile>()

  constructor(inner: Environment) {
    this.inner = inner
    this.identity = inner.identity
  }

  /** Names of the files that are open now. */
  get openFiles(): string[] {
    return [...this.open.values()].map(({ file }) => file.name)
  }

  call<C extends Call>(call: C): ResultOf<C> {
    this.check(call, 'called')
    const file = this.fileOf(call)
    const covered = this.durability.begin(call, file, this.isDurable(call))
    if (call.do === 'close') this.open.delete(call.handle)
    const result = this.inner.call(call)
    this.note(call, result, covered)
    return result
  }

  start<C extends Call>(call: C, done: Done<ResultOf<C>>): void {
    this.check(call, 'started')
    this.started += 1
    const file = this.fileOf(call)
    const covered = this.durability.begin(call, file, this.isDurable(call))
    // The number may be given out again as soon as the call lands.
    if (call.do === 'close') this.open.delete(call.handle)
    const bytes = call.do === 'write' ? bytesOf(call) : undefined
    const outstanding = { call, file, bytes }
    this.outstanding.add(outstanding)
    this.inner.start(call, (error, result) => {
      this.outstanding.delete(outstanding)
      if (call.do === 'write' && Buffer.compare(bytesOf(call), bytes!) !== 0) {
        this.breaches.push(`the buffer of a write to ${file?.name} changed in flight`)
      }
      if (!error) this.note(call, result, covered)
      done(error, result)
    })
  }

  private check(call: Call, mode: 'called' | 'started'): void {
    const file = this.fileOf(call)
    if (file === undefined) return
    const others = [...this.outstanding].filter((other) => other.file === file)
    const changing = others.find((other) => other.call.do === 'write' || other.call.do === 'sync')
    if (call.do === 'truncate' && changing) this.breach(call, file, `while a ${changing.call.do} is outstanding`)
    const { handle } = call as { readonly handle: Handle }
    const shared = others.find((other) => 'handle' in other.call && other.call.handle === handle)
    if (call.do === 'close' && shared) this.breach(call, file, `while a ${shared.call.do} is outstanding`)
    if (call.do !== 'write' && call.do !== 'sync') return
    if (shared) this.breach(call, file, `${mode} on an open file that a call in flight uses`)
    if (call.do !== 'write') return
    const zeros = bytesOf(call).every((byte) => byte === 0)
    const isNew = file.name.includes('/tmp-')
    if (zeros && !isNew) this.breach(call, file, 'zeros into a file in use')
    if (file.name.includes('/tmp-segment') && !zeros) this.breach(call, file, 'a spare is written before it is used')
  }

  private note(call: Call, result: unknown, covered: Covered | undefined): void {
    switch (call.do) {
      case 'open': {
        const handle = result as Handle
        if (this.open.has(handle)) this.breaches.push(`handle ${handle} was given out twice`)
        this.open.set(handle, { file: this.named(call.path, call.access === 'create'), durable: call.durable ?? false })
        break
      }
      case 'rename': {
        const moved = this.named(call.from, false)
        this.files.delete(call.from)
        moved.name = call.to
        this.files.set(call.to, moved)
        break
      }
      case 'unlink':
        this.files.delete(call.path)
        break
      case 'write':
        this.durability.wrote(covered!, result as number)
        break
      case 'sync':
        this.durability.synced(covered!)
        break
      default:
    }
  }

  private isDurable(call: Call): boolean {
    return 'handle' in call && this.open.get(call.handle)?.durable === true
  }

  private fileOf(call: Call): WatchedFile | undefined {
    return 'handle' in call ? this.open.get(call.handle)?.file : undefined
  }

  private named(path: string, isNew: boolean): WatchedFile {
    const known = isNew ? undefined : this.files.get(path)
    if (known !== undefined) return known
    const file = { name: path }
    this.files.set(path, file)
    return file
  }

  private breach(call: Call, file: WatchedFile, why: string): void {
    this.breaches.push(`${call.do} ${file.name}: ${why}`)
  }

  // ---- the rest passes as it is

  nowMs(): number {
    return this.inner.nowMs()
  }
  monotonicMs(): number {
    return this.inner.monotonicMs()
  }
  after(delayMs: number, task: () => void): Timer {
    return this.inner.after(delayMs, task)
  }
  defer(task: () => void): void {
    this.inner.defer(task)
  }
  randomBytes(count: number): Uint8Array {
    return this.inner.randomBytes(count)
  }
  absolute(path: string): string {
    return this.inner.absolute(path)
  }
  startTimeOf(pid: number): string | undefined {
    return this.inner.startTimeOf(pid)
  }
  listen(path: string, done: Done<Listener>): void {
    this.inner.listen(path, done)
  }
  probe(path: string, done: (probe: SocketProbe) => void): void {
    this.inner.probe(path, done)
  }
  watch(directory: string, changed: () => void): Listener {
    return this.inner.watch(directory, changed)
  }
  stayAlive(): () => void {
    return this.inner.stayAlive()
  }
}

function bytesOf(call: Extract<Call, { do: 'write' }>): Uint8Array {
  return Uint8Array.from(call.from.subarray(call.start, call.start + call.length))
}
