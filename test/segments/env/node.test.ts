import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import fs from 'node:fs'
import net from 'node:net'
import os from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import type { SocketProbe } from '../../../segments/env/environment.ts'
import { nodeEnvironment } from '../../../segments/env/node.ts'
import { WallClock } from '../../../segments/env/node-clock.ts'
import { startTimeIn } from '../../../segments/env/node-process.ts'
import { Files, sleep } from './worlds.ts'

let directory: string
beforeEach(() => {
  directory = fs.mkdtempSync(path.join(os.tmpdir(), 'seglog-node-'))
})
afterEach(() => {
  vi.restoreAllMocks()
  fs.rmSync(directory, { recursive: true, force: true })
})

const env = nodeEnvironment()
const onLinux = process.platform === 'linux'
if (!onLinux) console.log('skipped: tests of /proc and O_DSYNC, which this platform does not have')

function probe(at: string): Promise<SocketProbe> {
  return new Promise((resolve) => env.probe(at, resolve))
}

function child(...args: string[]): ChildProcess {
  const script = path.join(import.meta.dirname, 'listening-child.ts')
  return spawn(process.execPath, ['--import', 'tsx', script, ...args], { stdio: ['ignore', 'pipe', 'inherit'] })
}

async function said(process: ChildProcess): Promise<string> {
  const [chunk] = (await once(process.stdout as NodeJS.ReadableStream, 'data')) as [Buffer]
  return chunk.toString()
}

describe('files', () => {
  test('files and directories are for their owner only', () => {
    const files = new Files(env, directory)
    files.create('a')
    env.call({ do: 'makeDirectory', path: files.at('d') })
    expect(fs.statSync(files.at('a')).mode & 0o777).toBe(0o600)
    expect(fs.statSync(files.at('d')).mode & 0o777).toBe(0o700)
  })

  test.runIf(onLinux)('a durable handle is O_DSYNC, on both paths, and no other is', async () => {
    const files = new Files(env, directory)
    const flags = (handle: number): number =>
      parseInt(/flags:\s*(\d+)/.exec(fs.readFileSync(`/proc/self/fdinfo/${handle}`, 'utf8'))?.[1] ?? '', 8)
    const durable = files.open('a', 'create', true)
    const later = await files.later({ do: 'open', path: files.at('a'), access: 'write', durable: true })
    const plain = files.open('a', 'write')
    expect([durable, later, plain].map((handle) => flags(handle) & fs.constants.O_DSYNC)).toEqual([
      fs.constants.O_DSYNC,
      fs.constants.O_DSYNC,
      0,
    ])
  })

  test('without O_DSYNC a durable write syncs before it reports, on both paths, and no other does', async () => {
    const files = new Files(nodeEnvironment({ durableWrites: 'sync' }), directory)
    const now = vi.spyOn(fs, 'fdatasyncSync')
    const later = vi.spyOn(fs, 'fdatasync')
    const durable = files.open('a', 'create', true)
    const plain = files.open('a', 'write')
    const from = Uint8Array.of(1)
    const call = { do: 'write', from, start: 0, length: 1, position: 0 } as const
    files.write(plain, 0, from)
    await files.later({ ...call, handle: plain })
    expect([now.mock.calls.length, later.mock.calls.length]).toEqual([0, 0])
    files.write(durable, 0, from)
    expect(await files.later({ ...call, handle: durable })).toBe(1)
    expect([now.mock.calls.length, later.mock.calls.length]).toEqual([1, 1])
    now.mockImplementation(() => {
      throw Object.assign(new Error('EIO'), { code: 'EIO', errno: -5 })
    })
    expect(files.codeNow({ ...call, handle: durable })).toBe('EIO')
  })

  test('a durable write is one also where the name of its way is misspelt', () => {
    const files = new Files(nodeEnvironment({ durableWrites: 'fsync' as never }), directory)
    const now = vi.spyOn(fs, 'fdatasyncSync')
    files.write(files.open('a', 'create', true), 0, Uint8Array.of(1))
    expect(now).toHaveBeenCalledTimes(1)
  })

  test.runIf(onLinux)('what was refused is closed again', async () => {
    const files = new Files(env, directory)
    env.call({ do: 'makeDirectory', path: files.at('d') })
    const open = (): number => fs.readdirSync('/proc/self/fd').length
    const before = open()
    for (let i = 0; i < 20; i++) {
      expect(files.codeNow({ do: 'open', path: files.at('d'), access: 'read' })).toBe('EINVAL')
      expect(await files.codeLater({ do: 'open', path: files.at('d'), access: 'read' })).toBe('EINVAL')
      expect(await probe(files.at('x'.repeat(90)))).toBe('absent')
      expect(await probe(files.at(`d/${'x'.repeat(60)}`))).toBe('absent')
      files.syncDirectory()
      await files.later({ do: 'syncDirectory', path: directory })
    }
    expect(open()).toBe(before)
  })
})

describe('the wall clock', () => {
  test('has a fraction, does not step while the clocks agree, and follows a jump within a second', () => {
    let monotonic = 5_000
    let offset = 1_700_000_000_000.4
    const clock = new WallClock({ monotonicMs: () => monotonic, wallMs: () => Math.floor(monotonic + offset) })
    const now = (): number => clock.nowMs()
    let before = now()
    expect(Math.abs(before - (monotonic + offset))).toBeLessThan(1)
    for (let i = 0; i < 20_000; i++) {
      monotonic += 0.37
      const after = now()
      expect(after).toBeGreaterThan(before)
      expect(Math.abs(after - (monotonic + offset))).toBeLessThan(1)
      before = after
    }
    for (const jump of [3_600_000, -86_400_000]) {
      offset += jump
      monotonic += 1_001
      expect(Math.abs(now() - (monotonic + offset))).toBeLessThanOrEqual(1)
    }
  })
})

describe('processes', () => {
  test('the start time is field 22, whatever the program is called', () => {
    const rest = Array.from({ length: 30 }, (_, i) => String(i + 3)).join(' ')
    for (const name of ['node', 'a b', 'x) S 1 (y', ')']) expect(startTimeIn(`7 (${name}) ${rest}`)).toBe('22')
  })

  test.runIf(onLinux)('a process that ended is not there, and pid 1 is', async () => {
    const ended = spawn('true')
    await once(ended, 'exit')
    expect(env.startTimeOf(ended.pid ?? 0)).toBeUndefined()
    expect(env.startTimeOf(1)).toBeDefined()
    expect(env.startTimeOf(1)).not.toBe(env.identity.startTime)
  })
})

describe('lock sockets of other processes', () => {
  test.each(['lock.socket', `${'d'.repeat(100)}/lock.socket`])('a killed holder is dead: %s', async (name) => {
    const at = path.join(directory, name)
    fs.mkdirSync(path.dirname(at), { recursive: true })
    const holder = child(at, 'stay')
    const [pid, startTime] = (await said(holder)).split(' ')
    expect(await probe(at)).toBe('alive')
    if (onLinux) expect(env.startTimeOf(Number(pid))).toBe(startTime)
    holder.kill('SIGKILL')
    await once(holder, 'exit')
    expect(await probe(at)).toBe('dead')
    expect(env.startTimeOf(Number(pid))).toBeUndefined()
  })

  test('a process stays alive until it is let go; listening, watching and timers do not keep it', async () => {
    const holder = child(path.join(directory, 'lock.socket'))
    let all = ''
    holder.stdout!.on('data', (chunk: Buffer) => (all += chunk.toString()))
    expect((await once(holder, 'close'))[0]).toBe(0)
    expect(all).toMatch(/ let go$/)
  })

  test('this thread knows its own without a connection', async () => {
    const at = path.join(directory, 'lock.socket')
    const connect = vi.spyOn(net, 'connect')
    const listener = await new Promise<{ close(): void }>((resolve) => env.listen(at, (_, made) => resolve(made)))
    expect(await probe(at)).toBe('alive')
    expect(connect).not.toHaveBeenCalled()
    listener.close()
    expect(await probe(at)).toBe('absent')
    expect(connect).toHaveBeenCalledOnce()
  })

  test('a connection is accepted and closed at once', async () => {
    const at = path.join(directory, 'lock.socket')
    const listener = await new Promise<{ close(): void }>((resolve) => env.listen(at, (_, made) => resolve(made)))
    const socket = net.connect(at)
    await once(socket, 'close')
    listener.close()
  })

  test('a name too long for any socket is an error, and proves nothing', async () => {
    const at = path.join(directory, 'x'.repeat(120))
    const code = await new Promise((resolve) => env.listen(at, (error) => resolve(error?.code)))
    expect([code, await probe(at)]).toEqual(['ENAMETOOLONG', 'unknown'])
  })
})

describe('a watch', () => {
  test.each([
    ['that the system has no room for', 'ENOSPC', true],
    ['that the system refuses', 'EACCES', false],
  ])('%s', async (_fact, code, blind) => {
    vi.spyOn(fs, 'watch').mockImplementation(() => {
      throw Object.assign(new Error(code), { code, errno: -1 })
    })
    let told = 0
    const start = () => env.watch(directory, () => told++)
    if (!blind) return expect(start).toThrow(code)
    const watch = start()
    await sleep(250)
    watch.close()
    const before = told
    expect(before).toBeGreaterThan(0)
    await sleep(150)
    expect(told).toBe(before)
  })

  test('that is lost tells so once and goes on at an interval', async () => {
    const made = vi.spyOn(fs, 'watch')
    let told = 0
    const watch = env.watch(directory, () => told++)
    const watcher = made.mock.results[0]?.value as fs.FSWatcher
    watcher.emit('error', new Error('lost'))
    expect(told).toBe(1)
    await sleep(250)
    expect(told).toBeGreaterThan(1)
    watch.close()
    const before = told
    watcher.emit('error', new Error('lost again'))
    await sleep(150)
    expect(told).toBe(before)
  })
})
