import { join } from 'node:path'
import { expect, it } from 'vitest'

import { openLog } from '../../../lib/index.ts'
import { textFile } from '../../tidy/files.ts'
import { seglog, temporaryDirectory } from './seglog.ts'

/** What the program of README.md does in one life. */
async function live(directory: string): Promise<void> {
  const log = await openLog(directory)
  const first = await log.commit({ buy: 10, price: 101.5 })
  await log.commit({ sell: 4, price: 101.5 })
  log.commitSync({ cancel: first })
  await log.commitBatch([
    { buy: 1, price: 99 },
    { sell: 1, price: 103 },
  ])
  await log.close()
}

/** Without what differs from time to time: the log's id, times, how long it took. */
function masked(text: string): string {
  return text
    .replace(/[0-9a-f]{32}/g, '<id>')
    .replace(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, '<time>')
    .replace(/in \d+\.\d s/g, 'in <duration>')
}

it('README.md shows what the command prints, but for ids and times', async () => {
  const [, told] = /^```console shell\n(.*?)^```$/ms.exec(textFile('README.md').text)!
  const base = temporaryDirectory()
  const orders = join(base, 'orders')
  await live(orders)
  await live(orders)
  const said: string[] = []
  let writing: Promise<void> | undefined
  for (const line of told!.split('\n').filter((each) => each.startsWith('$ seglog '))) {
    const words = line.slice('$ seglog '.length).split(' ')
    let isWritten = false
    const { stdout, code } = await seglog(words, {
      cwd: base,
      onOutput: (text, child) => {
        if (words[0] !== 'tail') return
        if (!isWritten && text.includes('10  ')) {
          isWritten = true
          writing = live(orders)
        }
        if (text.includes('\n15  ') && text.endsWith('\n')) child.kill('SIGINT')
      },
    })
    expect(code).toBe(0)
    said.push(`${line}\n${stdout}${words[0] === 'tail' ? '^C\n' : ''}`)
  }
  // Its directory is removed behind this.
  await writing
  expect(masked(said.join(''))).toBe(masked(told!))
})
