import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { nodeEnvironment } from '../../segments/env/node.ts'
import { encodeLock } from '../../segments/format/lockfile.ts'
import { lockName } from '../../segments/format/names.ts'
import { acquireLock, inspectLock } from '../../segments/lock.ts'

const CHILD = path.join(import.meta.dirname, 'lock-child.ts')
const env = nodeEnvironment()

let directory = ''
let children: ChildProcess[] = []

beforeEach(() => {
  directory = fs.mkdtempSync(path.join(os.tmpdir(), 'seglog-lock-'))
})

afterEach(async () => {
  for (const child of children) await kill(child)
  children = []
  fs.rmSync(directory, { recursive: true, force: true })
})

function start(command: readonly string[], ...words: readonly string[]): ChildProcess {
  const [program, ...first] = [...command, process.execPath, '--import', 'tsx', CHILD, ...words]
  const child = spawn(program!, first, { stdio: ['pipe', 'pipe', 'inherit'] })
  children.push(child)
  return child
}

async function firstLine(child: ChildProcess): Promise<string> {
  const [line] = (await once(createInterface({ input: child.stdout! }), 'line')) as [string]
  return line
}

async function kill(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  child.kill('SIGKILL')
  await once(child, 'exit')
}

function names(): string[] {
  return fs.readdirSync(directory).filter((name) => name.startsWith('lock-'))
}

describe('between processes', () => {
  test('a second one is refused and told the pid; an orderly end and a kill -9 both free the lock', async () => {
    const first = start([], 'hold', directory)
    expect(await firstLine(first)).toBe('held 1')
    await expect(acquireLock(env, directory)).rejects.toMatchObject({
      code: 'LOCKED',
      message: expect.stringContaining(`pid ${first.pid} on host ${JSON.stringify(os.hostname())}`) as string,
    })
    expect(await inspectLock(env, directory)).toMatchObject({ life: 'alive', locks: [{ probe: 'alive' }] })
    first.stdin!.end()
    await once(first, 'exit')
    expect(names()).toEqual([])

    const second = start([], 'hold', directory)
    expect(await firstLine(second)).toBe('held 1')
    await kill(second)
    expect(names()).toHaveLength(2)
    expect(await inspectLock(env, directory)).toMatchObject({ life: 'dead', locks: [{ probe: 'dead' }] })
    const lock = await acquireLock(env, directory)
    expect(lock.number).toBe(2)
    expect(names()).toHaveLength(2)
    lock.release()
    expect(names()).toEqual([])
  })

  test('the same process is refused too, also by another path to the directory', async () => {
    const link = `${directory}.link`
    fs.symlinkSync(directory, link)
    try {
      const lock = await acquireLock(env, directory)
      await expect(acquireLock(env, link)).rejects.toThrow(`held by this process, pid ${process.pid}`)
      lock.release()
      ;(await acquireLock(env, link)).release()
    } finally {
      fs.unlinkSync(link)
    }
  })

  test('a stopped holder, which answers nothing itself, is not dead', async () => {
    const holder = start([], 'hold', directory)
    await firstLine(holder)
    holder.kill('SIGSTOP')
    await expect(acquireLock(env, directory)).rejects.toMatchObject({ code: 'LOCKED' })
  })

  test('a directory with a long path works', async () => {
    const deep = path.join(directory, 'd'.repeat(120))
    fs.mkdirSync(deep)
    const lock = await acquireLock(env, deep)
    expect(lock.owner.socket).not.toBeNull()
    await expect(acquireLock(env, deep)).rejects.toMatchObject({ code: 'LOCKED' })
    lock.release()
    expect(fs.readdirSync(deep)).toEqual([])
  })

  if (process.platform !== 'linux') console.log('skipped: recycled pids, which only /proc tells apart')
  test.skipIf(process.platform !== 'linux')('a recycled pid does not keep a lock, a living one does', async () => {
    const owner = { ...env.identity, token: 'ab'.repeat(16), acquiredAtMs: 0, socket: null }
    fs.writeFileSync(path.join(directory, lockName(4)), encodeLock(owner))
    await expect(acquireLock(env, directory)).rejects.toMatchObject({ code: 'LOCKED' })
    const recycled = { ...owner, startTime: String(Number(owner.startTime) - 1) }
    fs.writeFileSync(path.join(directory, lockName(4)), encodeLock(recycled))
    const lock = await acquireLock(env, directory)
    expect(lock.number).toBe(5)
    lock.release()
  })

  const unshare = ['unshare', '--pid', '--net', '--fork', '--kill-child', '--mount-proc']
  const canUnshare = spawnSync(unshare[0]!, [...unshare.slice(1), 'true']).status === 0

  test.skipIf(!canUnshare)('a holder in another container is alive, and proven dead when it was killed', async () => {
    const holder = start(unshare, 'hold', directory)
    expect(await firstLine(holder)).toBe('held 1')
    const state = await inspectLock(env, directory)
    expect(state).toMatchObject({ life: 'alive', locks: [{ probe: 'alive' }] })
    expect(state.locks[0]!.owner!.pidNamespace).not.toBe(env.identity.pidNamespace)
    await expect(acquireLock(env, directory)).rejects.toMatchObject({ code: 'LOCKED' })
    await kill(holder)
    // The kernel ends the processes of the namespace when its first one is gone; that takes a moment.
    await expect.poll(async () => (await inspectLock(env, directory)).life).toBe('dead')
    ;(await acquireLock(env, directory)).release()
  })

  test('eight processes that fight over a stale lock are never inside together', async () => {
    const stale = start([], 'hold', directory)
    await firstLine(stale)
    await kill(stale)
    const notes = path.join(directory, 'notes')
    const fighters = Array.from({ length: 8 }, () => start([], 'fight', directory, notes, '5'))
    await Promise.all(fighters.map((child) => firstLine(child)))
    const ended = fighters.map((child) => once(child, 'exit'))
    for (const child of fighters) child.stdin!.write('go\n')
    expect((await Promise.all(ended)).map(([code]) => code as number)).toEqual(Array(8).fill(0))

    const lines = fs.readFileSync(notes, 'utf8').trimEnd().split('\n')
    const moves = lines.filter((line) => !line.startsWith('refused'))
    expect(moves).toHaveLength(8 * 5 * 2)
    for (let i = 0; i < moves.length; i += 2) {
      const pid = moves[i]!.slice('enter '.length)
      expect(moves.slice(i, i + 2)).toEqual([`enter ${pid}`, `leave ${pid}`])
    }
    expect(lines.length).toBeGreaterThan(moves.length)
    expect(names()).toEqual([])
  })
})
