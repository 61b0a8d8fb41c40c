import { beforeAll, describe, expect, test } from 'vitest'
import { openLog } from '../../lib/index.ts'
import { openReadOnly } from '../../lib/open.ts'
import type { ChainHead } from '../../segments/chain.ts'
import type { SimulatedEnvironment } from '../../segments/env/simulated.ts'
import { seglog, temporaryDirectory } from '../lib/cli/seglog.ts'
import { DIR, fill, item, segment, spoil } from '../recovery/world.ts'
import { followChain, readSegments } from './frames.ts'
import { machine, openChained } from './world.ts'

async function seen(env: SimulatedEnvironment): Promise<ChainHead | undefined> {
  const reader = await env.drive(openReadOnly(DIR, { environment: env }))
  try {
    return reader.head()
  } finally {
    await env.drive(reader.close())
  }
}

describe('D16 the head', () => {
  test('is the same for the writer and for whoever only reads, at every moment', async () => {
    const env = machine()
    const log = await openChained(env, { checkpointRecords: 3 })
    const reader = await env.drive(openReadOnly(DIR, { environment: env }))
    const agree = async (): Promise<void> => {
      expect(reader.head()).toEqual(log.head())
      expect(await seen(env)).toEqual(log.head())
    }
    expect(log.head()).toMatchObject({ sequence: 0 })
    await agree()
    for (let n = 1; n <= 45; n++) {
      fill(log, n, 40)
      await agree()
      if (n % 20 === 0) {
        log.roll()
        await env.settle()
        await agree()
      }
    }
    log.append(item(46))
    expect(log.head()!.sequence).toBe(45)
    await env.drive(log.close())
    expect(await seen(env)).toMatchObject({ sequence: 46, hash: followChain(readSegments(env)).toString('hex') })
    const again = await openChained(env)
    expect(await seen(env)).toEqual(again.head())
    fill(again, 60)
    const head = again.head()
    expect(await seen(env.kill(1))).toEqual(head)
  })

  test('of a log that was sealed covers the frame that says so', async () => {
    const env = machine()
    const log = await openChained(env)
    fill(log, 5)
    const running = log.head()!
    await env.drive(log.seal('ended'))
    const sealed = (await seen(env))!
    expect(sealed).toMatchObject({ sequence: 5, hash: followChain(readSegments(env)).toString('hex') })
    expect(sealed.hash).not.toBe(running.hash)
    await env.drive(log.close())
  })

  test('that cannot be read is an error, and none in a log without a chain', async () => {
    const env = machine()
    const log = await openChained(env)
    fill(log, 5)
    const frame = readSegments(env)[0]!.frames.at(-1)!
    spoil(env, segment(1), frame.at + frame.length - 10)
    const reader = await env.drive(openReadOnly(DIR, { environment: env }))
    expect(() => reader.head()).toThrow(expect.objectContaining({ code: 'CORRUPT', sequence: 5 }))
    const other = machine()
    fill(await openChained(other, { chain: 'none' }), 5)
    expect(await seen(other)).toBeUndefined()
  })
})

describe('the command', () => {
  let directory: string
  let head: ChainHead
  beforeAll(async () => {
    directory = temporaryDirectory()
    const log = await openLog(directory, { chain: 'sha256', checkpointRecords: 10 })
    for (let n = 1; n <= 25; n++) log.append({ n })
    await log.sync()
    head = log.head()!
    await log.close()
  })

  test('info shows the head, and verify takes it', async () => {
    const word = `${head.sequence}:${head.hash}`
    expect((await seglog(['info', directory])).stdout).toContain(`sha256, head ${word}`)
    const json = JSON.parse((await seglog(['info', directory, '--json'])).stdout.split('\n')[0]!) as object
    expect(json).toMatchObject({ head })
    expect((await seglog(['info', directory, '--head'])).stdout).toBe(`${word}\n`)
    const whole = await seglog(['verify', directory, '--expect', word])
    expect(whole).toMatchObject({ code: 0 })
    expect(whole.stdout).toContain(`chain: attests records 1 to 25; head ${word}`)
    const rest = await seglog(['verify', directory, '--from', 'checkpoint'])
    expect(rest.stdout).toContain('chain: attests records 21 to 25')
  })

  test('another head ends with 1, one that is none with 2', async () => {
    const wrong = await seglog(['verify', directory, '--expect', `24:${head.hash}`])
    expect(wrong).toMatchObject({ code: 1 })
    expect(wrong.stdout).toContain('HASH_MISMATCH')
    const cut = await seglog(['verify', directory, '--expect', `30:${head.hash}`, '--json'])
    expect(cut.code).toBe(1)
    expect(JSON.parse(cut.stdout.split('\n')[0]!)).toMatchObject({ type: 'finding', from: 26, to: 30 })
    for (const words of [
      ['--expect', 'abc'],
      ['--from', 'last'],
    ]) {
      expect(await seglog(['verify', directory, ...words])).toMatchObject({ code: 2 })
    }
  })
})
