import path from 'node:path'
import { describe, expect, test } from 'vitest'
import { openLog } from '../../../lib/index.ts'
import { Child } from './children.ts'
import { temporaryDirectory } from './machine.ts'
import { ANY_SEED, type Sample, problemsOf } from './records.ts'

describe('two threads of one process', () => {
  test('the second is refused with LOCKED while the first holds the log; after a close it gets it', async () => {
    const directory = path.join(temporaryDirectory(), 'log')
    const child = new Child('worker-child.ts', { directory })
    expect(await child.endWithin(30_000), child.lines.join('\n')).toEqual({ code: 0, signal: null })
    const refused = expect.stringMatching(`^LOCKED: .*this process, pid ${child.process.pid} `) as string
    expect(await child.told('worker while main holds')).toEqual(refused)
    expect(await child.told('worker after main closed')).toBe('opened 2')
    expect(await child.told('worker writes')).toBe('committed 3')
    expect(await child.told('main while worker holds')).toEqual(refused)
    expect(await child.told('worker closes')).toBe('closed')
    expect(await child.told('main after worker closed')).toBe('closed 4')
    // The name of its socket goes with the thread, so nothing proves it dead as long as the process lives: this refuses
    // rather than risk two writers. When the process is gone, the log opens.
    expect(await child.told('main after the worker was ended')).toMatch(/^(LOCKED: .*this process|clean$|torn$)/)
    const acknowledged = await child.told<number>('acknowledged')
    const log = await openLog<Sample>(directory)
    expect(log.recovery.end).toMatch(/^(clean|torn|closed)$/)
    expect(problemsOf(log, { seed: ANY_SEED, beganAfter: [0], acknowledged })).toEqual([])
    await log.close()
  })
})
