import fs from 'node:fs'
import { nodeEnvironment } from '../../segments/env/node.ts'
import { hasCode } from '../../segments/errors.ts'
import { acquireLock } from '../../segments/lock.ts'

/**
 * A process that competes for a lock. `hold`: acquires once, says how that went, keeps it until its input ends. `fight`:
 * when a line comes in, acquires as soon as it can, as often as told, and notes in a file when it enters and leaves.
 */
const [mode, directory = '', notes = '', times = '1'] = process.argv.slice(2)
const env = nodeEnvironment()

async function hold(): Promise<void> {
  try {
    const lock = await acquireLock(env, directory)
    console.log(`held ${lock.number}`)
    process.stdin.on('end', () => lock.release()).resume()
  } catch (error) {
    console.log(String(error))
  }
}

async function fight(): Promise<void> {
  for (let left = Number(times); left > 0;) {
    try {
      const lock = await acquireLock(env, directory)
      fs.appendFileSync(notes, `enter ${process.pid}\n`)
      await sleep(Math.random() * 5)
      fs.appendFileSync(notes, `leave ${process.pid}\n`)
      lock.release()
      left--
    } catch (error) {
      if (!hasCode(error, 'LOCKED')) throw error
      fs.appendFileSync(notes, `refused ${process.pid}\n`)
      await sleep(Math.random() * 3)
    }
  }
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}

if (mode === 'hold') await hold()
else {
  console.log('ready')
  process.stdin.once('data', () => {
    process.stdin.destroy()
    void fight()
  })
}
