import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'

import { ROOT } from '../tidy/files.ts'

const SAID = `refused: the cart is confirmed
refused: Expected version STREAM_DOES_NOT_EXIST does not match current 2
cart-1 true 3 {"status":"confirmed","products":{"shoes":1,"socks":3}}
cart-2 true 2 {"status":"open","products":{"hat":2}}
cart-3 false 0 {"status":"open","products":{}}
1 cart-1/1 ProductAdded, 2 cart-1/2 ProductAdded, 3 cart-2/1 ProductAdded, 4 cart-2/2 ProductAdded, 5 cart-1/3 CartConfirmed
`

test('the event store of emmett on a log keeps its streams over a kill', () => {
  const directory = mkdtempSync(join(tmpdir(), 'seglog-emmett-'))
  const live = (...words: string[]) => {
    const program = ['--import', 'tsx', 'docs/examples/emmett/shopping.ts', join(directory, 'carts'), ...words]
    const { stdout, stderr, signal } = spawnSync(process.execPath, program, { cwd: ROOT, encoding: 'utf8' })
    return { stdout, stderr, signal }
  }
  expect(live('crash')).toEqual({ stdout: SAID, stderr: '', signal: 'SIGKILL' })
  expect(live()).toEqual({ stdout: SAID, stderr: '', signal: null })
  rmSync(directory, { recursive: true })
})
