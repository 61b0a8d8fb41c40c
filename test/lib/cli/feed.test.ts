import { join } from 'node:path'
import { expect, test } from 'vitest'

import { loadFeed } from '../../../docs/examples/feed.ts'
import { openLog } from '../../../lib/index.ts'
import { realFeeds } from '../../examples/real-feeds.ts'
import { flip, seglog, temporaryDirectory } from './seglog.ts'

const [{ name, path, absent }] = realFeeds as [(typeof realFeeds)[number]]

/** Offsets in the middle of a segment, far enough apart to lie in records of their own. */
const OFFSETS = [0.1, 0.3, 0.5, 0.7, 0.9].map((share) => Math.floor(share * 3 * 1024 * 1024))

/** Where the recorded feed is absent, `real-feeds.ts` prints that, and why. */
test.skipIf(absent)(
  `five flipped bits in the ${name}: verify lists five findings and ends with 1, salvage ends with 3 and misses exactly those records`,
  async () => {
    const directory = temporaryDirectory()
    const [from, to] = [join(directory, 'log'), join(directory, 'salvaged')]
    const { messages } = loadFeed({ input: path, seed: 0, messages: undefined })
    const log = await openLog(from, { segmentBytes: 4 * 1024 * 1024, durability: 'written' })
    for (const message of messages) log.append(message)
    await log.close()
    expect(await seglog(['verify', from])).toMatchObject({ code: 0 })
    for (const offset of OFFSETS) flip(join(from, 'segment-0000000002.log'), offset)
    const verified = await seglog(['verify', from, '--json'])
    expect(verified).toMatchObject({ code: 1, stderr: '' })
    const lines = verified.stdout.trimEnd().split('\n').map(parse)
    const findings = lines.filter(({ type }) => type === 'finding')
    expect(findings).toHaveLength(OFFSETS.length)
    expect(lines.at(-1)).toMatchObject({ type: 'report', isSound: false, findingsCount: OFFSETS.length })
    const missing = findings.map((finding) => finding['from'] as number)
    expect(findings.map((finding) => finding['to'])).toEqual(missing)
    expect((await seglog(['verify', from])).stdout.match(/^CORRUPT {2}/gm)).toHaveLength(OFFSETS.length)
    const salvaged = await seglog(['salvage', from, to, '--json'])
    expect(salvaged).toMatchObject({ code: 3, stderr: '' })
    expect(salvaged.stdout.trimEnd().split('\n').map(parse).at(-1)).toMatchObject({
      records: messages.length - missing.length,
      lost: missing.map((sequence) => ({ from: sequence, to: sequence })),
    })
    expect(await seglog(['verify', to])).toMatchObject({ code: 0 })
    await expectAllBut(to, missing, messages)
  },
  240_000,
)

function parse(line: string): Record<string, unknown> {
  return JSON.parse(line) as Record<string, unknown>
}

async function expectAllBut(
  directory: string,
  missing: readonly number[],
  messages: readonly unknown[],
): Promise<void> {
  const log = await openLog(directory)
  let next = 1
  for (const gap of [...missing, messages.length + 1]) {
    for (const { sequence, value } of log.read({ from: next, to: gap - 1 })) {
      if (sequence !== next) expect(sequence).toBe(next)
      if (sequence % 997 === 0) expect(value).toEqual(messages[sequence - 1])
      next += 1
    }
    expect(next).toBe(gap)
    if (gap <= messages.length) expect(() => log.get(gap)).toThrow('GAP')
    next = gap + 1
  }
  await log.close()
}
