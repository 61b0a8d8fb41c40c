import { readFileSync } from 'node:fs'
import os from 'node:os'
import { isQuick } from '../options.ts'

/** Machine and versions, for the head of the figures. */
export function machine(): string {
  const [own, peers] = [versions('../../package-lock.json'), versions('../package-lock.json')]
  const names = ['lmdb', 'better-sqlite3', 'classic-level', 'event-storage', 'async-append-only-log']
  const used = [['cbor-x', own('cbor-x')], ['crc-32', own('crc-32')], ...names.map((name) => [name, peers(name)])]
  const load = os.loadavg()[0]!
  return (
    `${os.availableParallelism()} cores (${os.cpus()[0]?.model.trim() ?? 'unknown'}), ${os.type()} ${os.release()}, ` +
    `Node ${process.version}, ${fileSystem(os.tmpdir())} under the temporary directory; ` +
    `${used.map(([name, version]) => `${name} ${version}`).join(', ')}; ` +
    `${new Date().toISOString().slice(0, 10)}, load ${load.toFixed(1)} at the start` +
    (load > 0.5 ? ' (**not quiet**: ratios mean something, figures little)' : '') +
    (isQuick ? '; `--quick`: too short to quote' : '')
  )
}

function versions(lockFile: string): (name: string) => string {
  const lock = JSON.parse(readFileSync(new URL(lockFile, import.meta.url), 'utf8')) as {
    packages: Record<string, { version: string }>
  }
  return (name) => lock.packages[`node_modules/${name}`]?.version ?? 'unknown'
}

/** The type of the mount with the longest path that leads here. */
function fileSystem(directory: string): string {
  try {
    const mounts = readFileSync('/proc/mounts', 'utf8')
      .split('\n')
      .map((line) => line.split(' '))
      .filter(([, place = '-']) => `${directory}/`.startsWith(place === '/' ? '/' : `${place}/`))
    return mounts.sort((a, b) => b[1]!.length - a[1]!.length)[0]?.[2] ?? 'an unknown file system'
  } catch {
    // Not Linux.
    return 'an unknown file system'
  }
}
