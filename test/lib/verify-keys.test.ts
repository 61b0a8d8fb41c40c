import { describe, expect, test } from 'vitest'
import { cbor } from '../../lib/codecs/cbor.ts'
import type { KeyOptions } from '../../lib/keys/definitions.ts'
import { openLogWith, openReadOnly } from '../../lib/open.ts'
import type { VerifyReport } from '../../recovery/verify.ts'
import type { Call, Environment } from '../../segments/env/environment.ts'
import { memoryEnvironment } from '../../segments/env/memory.ts'
import { segmentName, sidecarName } from '../../segments/format/names.ts'
import { PAGE_BYTES, decodeFooter, sealPage } from '../../segments/format/sidecar.ts'
import { overwrite, readFile } from '../conformance/worlds.ts'

interface Order {
  readonly id: number
  readonly tags: readonly string[]
  readonly text: string
}

const COUNT = 300
const order = (id: number): Order => ({ id, tags: [`t${id % 5}`, `u${id % 7}`], text: 'x'.repeat(40) })
const KEYS: KeyOptions<Order> = { tag: 'tags', half: { version: '1', of: ({ id }) => Math.floor(id / 2) } }
const SIDECAR = `/log/${sidecarName(2)}`

/** A closed log of several segments with keys. */
async function written(): Promise<Environment> {
  const environment = memoryEnvironment({ seed: 1 })
  const options = { environment, segmentBytes: 4096, codec: cbor<Order>(), keys: KEYS }
  const log = await openLogWith<Order>('/log', options, 4096)
  for (let id = 1; id <= COUNT; id++) await log.commit(order(id))
  await log.close()
  return environment
}

/** What the writer and who only reads say; they must say the same. */
async function verified(environment: Environment, keys: KeyOptions<Order> = KEYS): Promise<VerifyReport> {
  const reader = await openReadOnly<Order>('/log', { environment, keys })
  const found = await reader.verify()
  await reader.close()
  const options = { environment, segmentBytes: 4096, codec: cbor<Order>(), keys: KEYS }
  const log = await openLogWith<Order>('/log', options, 4096)
  const { durationMs: _, ...report } = await log.verify()
  await log.close()
  expect(report).toEqual({ ...found, durationMs: undefined })
  return found
}

/** Makes the table of a kind say that the record of some pair has another key, with every checksum right. */
function forge(environment: Environment, kind: string): number {
  const bytes = readFile(environment, SIDECAR)
  const finding = decodeFooter(bytes.subarray(bytes.length - PAGE_BYTES))
  if (finding.found !== 'footer') throw new Error('the sidecar of a sealed segment has a footer')
  const { footer } = finding
  const table = footer.sections.find(({ name }) => name === kind)!
  const page = Buffer.from(bytes.subarray(table.firstPage * PAGE_BYTES, (table.firstPage + 1) * PAGE_BYTES))
  const pair = 8 * 3
  page.writeUInt32LE(page.readUInt32LE(pair) + 1, pair)
  sealPage(page, table.firstPage, footer.pageSalt)
  overwrite(environment, SIDECAR, table.firstPage * PAGE_BYTES, page)
  return footer.firstSequence + page.readUInt32LE(pair + 4)
}

describe('a verification of a log with keys (C17)', () => {
  test('finds nothing where the tables say what the records say', async () => {
    const environment = await written()
    const report = await verified(environment)
    expect(report).toMatchObject({ isSound: true, findings: [], findingsCount: 0, records: COUNT })
    expect(report.segments).toBeGreaterThan(4)
  })

  test.each(['tag', 'half'])('finds a table that says something else: %s', async (kind) => {
    const environment = await written()
    const sequence = forge(environment, kind)
    const report = await verified(environment)
    expect(report.findings).toMatchObject([{ code: 'SIDECAR', file: SIDECAR }])
    expect(report.findings[0]!.message).toContain(`keys ${kind} `)
    expect(report.findings[0]!.from).toBeLessThanOrEqual(sequence)
    expect(report).toMatchObject({ isSound: true, findingsCount: 1 })
  })

  test('keys of a function are compared by who gives it', async () => {
    const environment = await written()
    forge(environment, 'half')
    const reader = await openReadOnly<Order>('/log', { environment })
    expect((await reader.verify()).findings).toEqual([])
    await reader.close()
  })

  test('a record that cannot be read is one finding, and none of keys', async () => {
    const environment = await written()
    const path = '/log/segment-0000000002.log'
    overwrite(environment, path, readFile(environment, path).length - 100, Uint8Array.of(0xff, 0xff))
    const report = await verified(environment)
    expect(report.findings).toMatchObject([{ code: 'CORRUPT', file: path }])
  })

  test('tells its progress, and ends by its signal', async () => {
    const environment = await written()
    const reader = await openReadOnly<Order>('/log', { environment })
    const reason = new Error('enough')
    const controller = new AbortController()
    let calls = 0
    const onProgress = (): void => {
      calls += 1
      controller.abort(reason)
    }
    await expect(reader.verify({ onProgress, signal: controller.signal })).rejects.toBe(reason)
    expect(calls).toBe(1)
    await reader.close()
  })
})

test('records of a segment that is missing are not looked for one by one', async () => {
  const environment = await written()
  const file = `/log/${segmentName(2)}`
  environment.call({ do: 'unlink', path: file })
  let opened = 0
  const counting = new Proxy(environment, {
    get(target, name) {
      const member: unknown = Reflect.get(target, name, target)
      if (typeof member !== 'function') return member
      return (...values: unknown[]): unknown => {
        const call = values[0] as Partial<Call> | undefined
        if (call?.do === 'open' && call.path === file) opened += 1
        return Reflect.apply(member, target, values)
      }
    },
  })
  const reader = await openReadOnly<Order>('/log', { environment: counting, keys: KEYS })
  expect((await reader.verify()).findings).toMatchObject([{ code: 'GAP', file }])
  await reader.close()
  expect(opened).toBeLessThan(10)
})
