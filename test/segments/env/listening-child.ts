import fs from 'node:fs'
import { nodeEnvironment } from '../../../segments/env/node.ts'

/** Listens at the path given and says so; with `stay` it lives until it is killed, else nothing keeps it. */
const [path, stay] = process.argv.slice(2)
const env = nodeEnvironment()
if (stay === 'stay') setInterval(() => undefined, 1_000)
env.after(3_600_000, () => undefined)
env.watch('.', () => undefined)
// Longer than it stays alive for: who lets go twice is no trouble.
const letGo = env.stayAlive()
env.after(50, () => {
  letGo()
  letGo()
  fs.writeSync(1, ' let go')
})
env.listen(path ?? '', (error) => {
  fs.writeSync(1, error ? error.code : `${env.identity.pid} ${env.identity.startTime}`)
})
