import { createHash } from 'node:crypto'
import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'

/** The packages of the peers. They lie in `bench/node_modules`, never in the library's own. */

const place = fileURLToPath(new URL('../', import.meta.url))
const stamp = `${place}node_modules/.installed`
const load = createRequire(`${place}package.json`)

/** Installs what the lock file says, unless it is there; what fails is told, and the peers are then left out. */
export function install(): void {
  const wanted = createHash('sha256')
    .update(readFileSync(`${place}package-lock.json`))
    .digest('hex')
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted) return
  console.error('Installing the peers into bench/node_modules; some are compiled, which takes a minute.')
  const { status, error, stdout, stderr } = spawnSync('npm', ['ci', '--no-audit', '--no-fund'], {
    cwd: place,
    encoding: 'utf8',
  })
  if (status === 0) writeFileSync(stamp, wanted)
  else console.error(`The peers could not be installed: ${error?.message ?? `${stdout}${stderr}`}`)
}

/** A package by its name; typed by who asks, because types must not depend on whether it is installed. */
export function packageOf<T>(name: string): T {
  return load(name) as T
}

/** Why a package is not there; undefined when it is. */
export function whyAbsent(name: string): string | undefined {
  try {
    load(name)
    return undefined
  } catch (error) {
    const reason = error instanceof Error ? error.message.split('\n')[0]! : String(error)
    return `not installed: ${reason}`
  }
}
