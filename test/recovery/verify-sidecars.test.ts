import { describe, expect, test } from 'vitest'
import { verifyLog } from '../../lib/operations.ts'
import type { SimulatedEnvironment } from '../../segments/env/simulated.ts'
import { sidecarName } from '../../segments/format/names.ts'
import { PAGE_BYTES, decodeFooter, sealPage } from '../../segments/format/sidecar.ts'
import { DIR, segments, spoil } from './world.ts'

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
})
