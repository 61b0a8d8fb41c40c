import { createHash } from 'node:crypto'
import { mkdir, open, readFile, readdir, rename, rm } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'

import type { Anchor, Log, Restored } from '../../lib/index.ts'

/** Snapshots of a state, each in a file that an anchor of the log names. */
export class Snapshots {
  readonly #log: Log<never>
  readonly #directory: string

  /** `directory`: an absolute path. */
  constructor(log: Log<never>, directory: string) {
    this.#log = log
    this.#directory = directory
  }

  /** Stores the state as of a durable record. First the file is durable, then the log is told; never the other way round. */
  async store(sequence: number, text: string): Promise<void> {
    await mkdir(this.#directory, { recursive: true })
    await syncDirectory(dirname(this.#directory))
    const ref = join(this.#directory, `state-${sequence}.json`)
    const file = await open(`${ref}.new`, 'w')
    try {
      await file.writeFile(text)
      await file.sync()
    } finally {
      await file.close()
    }
    await rename(`${ref}.new`, ref)
    await syncDirectory(this.#directory)
    await this.#log.anchor({ sequence, ref, hash: hashOf(text) })
    await this.#removeOthers()
  }

  /** Loads what an anchor names; a file that is gone or cut off rejects, one that was changed has another hash. */
  async restore({ ref }: Anchor, install: (text: string) => void): Promise<Restored> {
    const text = await readFile(ref, 'utf8')
    return { hash: hashOf(text), install: () => install(text) }
  }

  /** The log keeps a few anchors; files that none of them names are of no use. */
  async #removeOthers(): Promise<void> {
    const named = new Set(this.#log.anchors().map(({ ref }) => basename(ref)))
    for (const name of await readdir(this.#directory)) {
      if (!named.has(name)) await rm(join(this.#directory, name))
    }
  }
}

function hashOf(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}

async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path)
  await directory.sync().finally(() => directory.close())
}
