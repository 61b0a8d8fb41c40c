import { fork, type ChildProcess } from 'node:child_process'
import { fileURLToPath } from 'node:url'

import type { EventListener } from './events.ts'
import type { Answer, GatewaySettings, Told } from './gateway-child.ts'

/** When to kill: as soon as this sequence is acknowledged, and a moment later. */
export interface Kill {
  sequence: number
  delayMs: number
}

/** What the parent saw of one life of the gateway. */
export interface Life {
  end: 'killed' | 'finished'
  /**
   * Where it began: the last sequence in the log that it opened, the state that it rebuilt, the snapshot that this came
   * from (0: none), and how many snapshots could not be used.
   */
  resumed: { sequence: number; digest: string; snapshot: number; refused: number }
  /** The last sequence that was acknowledged, and the last that was appended as far as the parent was told. */
  acknowledged: number
  appended: number
  groups: number
  syncs: number
  /** From the first append to the last acknowledgement. */
  seconds: number
  /** The state at the end of the feed, when it came so far. */
  digest: string | undefined
}

/** The gateway did what no gateway may do. */
export class GatewayError extends Error {}

/** A gateway that is silent for so long hangs. The longest honest silence is the start, on a slow machine. */
const silenceMsMax = 60_000

const childPath = fileURLToPath(new URL('gateway-child.ts', import.meta.url))

/** Starts the gateway and watches it until it was killed as planned or, with no plan, has finished and closed its log. */
export function liveOnce(
  settings: GatewaySettings,
  kill: Kill | undefined,
  listener: EventListener,
  onProgress: (life: Life) => void,
): Promise<Life> {
  return new Promise((resolve, reject) => {
    const child = fork(childPath, [JSON.stringify(settings)], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
    const life = newLife()
    const silence = setTimeout(() => fail(`said nothing for ${silenceMsMax / 1000} s`), silenceMsMax)
    let startedMs = performance.now()
    let killing: NodeJS.Timeout | undefined

    const fail = (what: string) => {
      clearTimeout(silence)
      child.kill('SIGKILL')
      reject(new GatewayError(`the gateway ${what}`))
    }
    child.on('message', (told: Told) => {
      silence.refresh()
      if (told.kind === 'ready') startedMs = performance.now()
      const wrong = told.kind === 'events' ? listener.receive(told.first, told.events) : note(life, told)
      if (wrong !== undefined) return fail(wrong)
      life.seconds = (performance.now() - startedMs) / 1000
      onProgress(life)
      if (told.kind === 'events') answer(child, { kind: 'received', sequence: listener.sequence })
      else if (told.kind === 'finished') end(child, kill)
      else if (kill !== undefined && life.acknowledged >= kill.sequence) {
        killing ??= setTimeout(() => child.kill('SIGKILL'), kill.delayMs)
      }
    })
    child.once('error', (error) => fail(`cannot be reached: ${error.message}`))
    // Not 'exit': what the gateway had said before it died may still be on its way then.
    child.once('close', (code, signal) => {
      clearTimeout(silence)
      clearTimeout(killing)
      life.end = signal === 'SIGKILL' ? 'killed' : 'finished'
      const planned = kill === undefined ? code === 0 : life.end === 'killed'
      if (planned) resolve(life)
      else reject(new GatewayError(`the gateway ended by itself, with ${signal ?? `exit code ${code}`}`))
    })
  })
}

/** At the end of the feed a kill that is still due is made at once; else the gateway may close its log. */
function end(child: ChildProcess, kill: Kill | undefined): void {
  if (kill === undefined) answer(child, { kind: 'close' })
  else child.kill('SIGKILL')
}

/** A gateway that is dead by now hears nothing; how it ended shows as 'close'. */
function answer(child: ChildProcess, given: Answer): void {
  if (child.connected) child.send(given, () => undefined)
}

function newLife(): Life {
  const resumed = { sequence: 0, digest: '', snapshot: 0, refused: 0 }
  return { end: 'killed', resumed, acknowledged: 0, appended: 0, groups: 0, syncs: 0, seconds: 0, digest: undefined }
}

/** Notes what the gateway told; gives what is wrong with it. */
function note(life: Life, told: Exclude<Told, { kind: 'events' }>): string | undefined {
  switch (told.kind) {
    case 'ready':
      life.resumed = told
      life.acknowledged = life.appended = told.sequence
      return undefined
    case 'acknowledged':
      if (told.sequence <= life.acknowledged) {
        return `acknowledged ${told.sequence} after ${life.acknowledged}, out of order`
      }
      life.acknowledged = told.sequence
      life.appended = told.appended
      life.groups = told.groups
      life.syncs = told.syncs
      return undefined
    case 'finished':
      life.digest = told.digest
      return undefined
  }
}
