import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'

import { json, openLog } from '../../../lib/index.ts'
import { Block, FrameDecoder, FrameEncoder } from '../../../segments/format/frame.ts'
import { decodeHeader } from '../../../segments/format/header.ts'
import { FRAMES_START, KIND, NO_CLAIM, TAG } from '../../../segments/format/layout.ts'
import { seglog, temporaryDirectory } from './seglog.ts'

async function makeCompressed(): Promise<string> {
  const directory = join(temporaryDirectory(), 'log')
  const log = await openLog<string>(directory, { codec: json(), compression: 'deflate', compressionBytesMin: 1 })
  for (const word of ['first', 'second', 'third']) log.append(`${word} `.repeat(30))
  await log.close()
  return directory
}

/** The second record, as long as it was, with a length before compression that is a lie. */
function lie(directory: string): void {
  const path = join(directory, 'segment-0000000001.log')
  const bytes = readFileSync(path)
  const finding = decodeHeader(bytes)
  const { salt } = (finding as Extract<typeof finding, { found: 'header' }>).header
  const block = new Block(bytes.length)
  block.bytes.set(bytes)
  const decoder = new FrameDecoder()
  expect(decoder.read(block, FRAMES_START, bytes.length, FRAMES_START, salt)).toBe('frame')
  const offset = FRAMES_START + decoder.length
  expect(decoder.read(block, offset, bytes.length, offset, salt)).toBe('frame')
  const payload = Buffer.from(bytes.subarray(decoder.payloadStart, decoder.payloadEnd))
  const { kind } = { kind: KIND.record }
  const draft = { kind, flags: TAG.batchEnd, claim: NO_CLAIM, sequence: 2, timeDelta: 0, timestamp: undefined }
  new FrameEncoder().encode(bytes, offset, offset, salt, { ...draft, originalBytes: 7 }, payload)
  writeFileSync(path, bytes)
}

it('D17 info names the compression, cat prints what was appended', async () => {
  const directory = await makeCompressed()
  expect((await seglog(['info', directory])).stdout).toMatch(/^compression +deflate$/m)
  const { code, stdout } = await seglog(['cat', directory, '--json'])
  expect(code).toBe(0)
  const found = stdout
    .trimEnd()
    .split('\n')
    .map((line) => (JSON.parse(line) as { value: string }).value)
  expect(found).toEqual(['first', 'second', 'third'].map((word) => `${word} `.repeat(30)))
})

it('D17 cat stops at a record that does not decompress, and says how to go on; verify names it', async () => {
  const directory = await makeCompressed()
  lie(directory)
  const { code, stdout, stderr } = await seglog(['cat', directory])
  expect([code, stdout.split('\n').length]).toEqual([1, 2])
  expect(stderr).toContain('record 2 cannot be decompressed')
  expect(stderr).toContain(`seglog cat ${directory} --from 3`)
  const verified = await seglog(['verify', directory])
  expect(verified.code).toBe(1)
  expect(verified.stdout).toContain('record 2 cannot be decompressed')
})
