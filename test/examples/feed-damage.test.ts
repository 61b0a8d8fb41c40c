import { closeSync, mkdtempSync, openSync, readSync, rmSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'

import { loadFeed } from '../../docs/examples/feed.ts'
import { openLog, salvageLog, verifyLog } from '../../lib/index.ts'
import { realFeeds } from './real-feeds.ts'

const [{ name, path, absent }] = realFeeds as [(typeof realFeeds)[number]]

/** Positions in the middle of segments, far enough apart to lie in records of their own. */
const SHARES = [0.1, 0.3, 0.5, 0.7, 0.9]

test.skipIf(absent)(
  `five flipped bits in the ${name} are five findings, and salvage gives all other records`,
  async () => {
    const directory = mkdtempSync(join(tmpdir(), 'seglog-damage-'))
    const [from, to] = [join(directory, 'log'), join(directory, 'salvaged')]
    const { messages } = loadFeed({ input: path, seed: 0, messages: undefined })
    const log = await openLog(from, { segmentBytes: 4 * 1024 * 1024, durability: 'written' })
    for (const message of messages) log.append(message)
    await log.close()
    const sound = await verifyLog(from)
    expect(sound).toMatchObject({ isSound: true, findingsCount: 0, records: messages.length })
    for (const share of SHARES) flip(join(from, 'segment-0000000002.log'), share)
    const report = await verifyLog(from)
    expect(report.findings).toHaveLength(SHARES.length)
    const missing = report.findings.map((finding) => finding.from!)
    expect(report.findings.map((finding) => finding.to)).toEqual(missing)
    const salvaged = await salvageLog(from, to)
    expect(salvaged.lost).toEqual(missing.map((sequence) => ({ from: sequence, to: sequence })))
    expect(salvaged.records).toBe(messages.length - SHARES.length)
    const again = await openLog(to)
    expect(again.recovery.end).toBe('closed')
    for (let sequence = 1; sequence <= messages.length; sequence++) {
      if (missing.includes(sequence)) expect(() => again.get(sequence)).toThrow('GAP')
    }
    let next = 1
    for (const gap of [...missing, messages.length + 1]) {
      for (const { sequence, value } of again.read({ from: next, to: gap - 1 })) {
        if (sequence !== next) expect(sequence).toBe(next)
        if (sequence % 997 === 0) expect(value).toEqual(messages[sequence - 1])
        next += 1
      }
      next = gap + 1
    }
    expect(next).toBe(messages.length + 2)
    await again.close()
    rmSync(directory, { recursive: true })
  },
  120_000,
)

function flip(file: string, share: number): void {
  const handle = openSync(file, 'r+')
  const byte = Buffer.alloc(1)
  const at = Math.floor(share * 3 * 1024 * 1024)
  readSync(handle, byte, 0, 1, at)
  byte[0]! ^= 4
  writeSync(handle, byte, 0, 1, at)
  closeSync(handle)
}
