import { execFileSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'

const child = fileURLToPath(new URL('code-generation-child.ts', import.meta.url))

test.each([
  [true, []],
  [false, ['--disallow-code-generation-from-strings']],
] as const)('records read alike where code may be made of text: %s', (compiles, flags) => {
  const output = execFileSync(process.execPath, [...flags, '--import', 'tsx', child], { encoding: 'utf8' })
  const read = Array.from({ length: 300 }, (_, n) => ({ n, side: 'buy' }))
  expect(JSON.parse(output)).toStrictEqual({ compiles, read })
})
