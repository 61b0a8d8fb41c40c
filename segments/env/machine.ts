import type { ProcessIdentity } from './environment.ts'
import { Disk } from './disk.ts'
import { type CrashOptions, cutPower } from './power-cut.ts'
import type { Random } from './random.ts'
import { FileTree, type OtherNode } from './tree.ts'
import { TreeCopy } from './tree-copy.ts'
import { Turns } from './turns.ts'
import { VirtualClock } from './virtual-clock.ts'

/** Where processes run, unless somebody says otherwise. */
export const HOST = 'simulated'

/** What a machine knows of a process that runs on it. */
export interface Running {
  readonly host: string
  readonly startTime: string
  isBusy(): boolean
  die(): void
}

/** A simulated machine: disk, page cache, clock, and the processes that run on it. */
export class Machine {
  readonly tree: FileTree
  readonly disk: Disk
  readonly clock: VirtualClock
  readonly turns = new Turns()
  readonly bootId: string
  readonly processes = new Map<number, Running>()
  #lastPid: number
  #ticks: number

  constructor(random: Random, tree: FileTree, disk: Disk, clock: VirtualClock) {
    this.tree = tree
    this.disk = disk
    this.clock = clock
    this.bootId = Buffer.from(random.bytes(16)).toString('hex')
    this.#lastPid = 1000 + random.below(30_000)
    this.#ticks = 1000 + random.below(1_000_000)
  }

  static fresh(random: Random, wallMs: number): Machine {
    const tree = new FileTree()
    const disk = new Disk(tree.slabs)
    tree.observe(disk)
    return new Machine(random, tree, disk, new VirtualClock(wallMs))
  }

  /** Who nobody on this machine was before. Another host, which shares the disk, has a kernel of its own. */
  nextIdentity(host: string): ProcessIdentity {
    const bootId = host === HOST ? this.bootId : `${this.bootId} ${host}`
    return { pid: ++this.#lastPid, startTime: String(++this.#ticks), bootId, pidNamespace: 'pid:[1]', host }
  }

  /** As the kernel of this host tells it. */
  startTimeOf(pid: number, host: string): string | undefined {
    const process = this.processes.get(pid)
    return process?.host === host ? process.startTime : undefined
  }

  get busy(): boolean {
    for (const process of this.processes.values()) if (process.isBusy()) return true
    return false
  }

  /** The machine after a power cut and a start. Its wall clock goes on, its monotonic clock begins anew. */
  afterPowerCut(random: Random, options: CrashOptions, tree = this.tree, disk = this.disk): Machine {
    const left = cutPower(tree, disk, random, options)
    left.tree.observe(left.disk)
    return new Machine(random, left.tree, left.disk, new VirtualClock(this.clock.nowMs))
  }

  copy(random: Random): { readonly machine: Machine; readonly copied: TreeCopy } {
    const copied = new TreeCopy(this.tree, this.disk)
    const machine = new Machine(random, copied.tree, copied.disk, new VirtualClock(this.clock.nowMs))
    return { machine, copied }
  }

  async settle(): Promise<void> {
    do await new Promise<void>((resolve) => this.turns.whenIdle(resolve))
    while (this.busy)
  }

  async advance(ms: number): Promise<void> {
    const until = this.clock.monotonicMs + ms
    await this.settle()
    while ((this.clock.nextTimerMs ?? Infinity) <= until) {
      this.clock.runNextTimer()
      await this.settle()
    }
    this.clock.moveTo(until)
  }

  /** A process is gone: nobody listens behind its sockets any more, and their names stay. */
  remove(pid: number, sockets: Iterable<OtherNode>): void {
    this.processes.delete(pid)
    for (const socket of sockets) socket.listening = false
  }
}
