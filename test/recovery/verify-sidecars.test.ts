import { describe, expect, test } from 'vitest'
import { verifyLog } from '../../lib/operations.ts'
import type { SimulatedEnvironment } from '../../segments/env/simulated.ts'
import { sidecarName } from '../../segments/format/names.ts'
import { PAGE_BYTES, decodeFooter, sealPage } from '../../segments/format/sidecar.ts'
import { DIR, fill, machine, open, segments, spoil } from './world.ts'

const SIDECAR = `${DIR}/${sidecarName(2)}`

const found = async (env: SimulatedEnvironment) => {
  const { isSound, findings } = await env.drive(verifyLog(DIR, { environment: env }))
  return { isSound, findings: findings.map(({ code, file, from, to }) => ({ code, file, from, to })) }
}

/** Changes the first page of a sidecar, and makes its check right again. */
function forge(env: SimulatedEnvironment): void {
  const bytes = Buffer.from(env.files.read(SIDECAR))
  const finding = decodeFooter(bytes.subarray(bytes.length - PAGE_BYTES))
  if (finding.found !== 'footer') throw new Error('the footer cannot be read')
  const page = bytes.subarray(0, PAGE_BYTES)
  page.writeUInt32LE(page.readUInt32LE(4) + 1, 4)
  sealPage(page, 0, finding.footer.pageSalt)
  env.files.write(SIDECAR, bytes)
}

describe('sidecars against their segments', () => {
  const told = { isSound: true, findings: [{ code: 'SIDECAR', file: SIDECAR, from: 4, to: 6 }] }
  const nothing = { isSound: true, findings: [] }

  test.each<readonly [string, (env: SimulatedEnvironment) => void, object]>([
    ['sound ones', () => undefined, nothing],
    ['one that is missing', (env) => env.call({ do: 'unlink', path: SIDECAR }), nothing],
    ['a damaged page', (env) => spoil(env, SIDECAR, 2), told],
    ['a damaged page of definitions', (env) => spoil(env, SIDECAR, PAGE_BYTES + 2), told],
    ['a damaged footer', (env) => spoil(env, SIDECAR, env.files.read(SIDECAR).length - 100), told],
    ['one that is cut', (env) => env.files.write(SIDECAR, env.files.read(SIDECAR).slice(0, 100)), told],
    ['places that are not those of the records, with mended checks', forge, told],
  ])('C17 %s', async (_, harm, expected) => {
    const { env, log } = await segments(3, 3, 3)
    await env.drive(log.close())
    harm(env)
    expect(await found(env)).toEqual(expected)
  })

  test('C17 a damaged page among many, wherever pages are read together', async () => {
    const env = machine()
    const log = await open(env, { segmentBytes: 16 * 1024 * 1024 })
    // Each segment is larger than the one before it.
    for (const sequence of [1, 2]) {
      fill(log, sequence)
      await env.settle()
      log.roll()
      await env.settle()
    }
    for (let n = 3; n <= 70_000; n++) log.append({ n, text: '' })
    await env.drive(log.sync())
    log.roll()
    await env.drive(log.close())
    const file = `${DIR}/${sidecarName(3)}`
    const sound = Buffer.from(env.files.read(file))
    const pages = sound.length / PAGE_BYTES
    expect(pages).toBeGreaterThan(66)
    expect(await found(env)).toEqual(nothing)
    for (const page of [0, 63, 64, 65, pages - 2]) {
      env.files.write(file, sound)
      spoil(env, file, page * PAGE_BYTES + 2)
      expect(await found(env)).toEqual({
        isSound: true,
        findings: [{ code: 'SIDECAR', file, from: 3, to: 70_000 }],
      })
    }
  })
})
