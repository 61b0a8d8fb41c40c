#!/usr/bin/env node
import { Readable } from 'node:stream'
import { nodeEnvironment } from '../../segments/env/node.ts'
import { UsageError } from './command.ts'
import { run } from './run.ts'
import { ClosedPipe, Interrupted, type Sink } from './world.ts'

/**
 * The program `seglog`, and the one file above the environment that knows the process: what was typed, where to print,
 * signals and the exit code belong to programs. The library has none of them, so its environment does not offer them.
 */

const COLUMNS = 80
const ending = new AbortController()

/** A terminal, a file or a pipe. */
function sinkOf(stream: NodeJS.WriteStream, gone: () => void): Sink {
  let isGone = false
  // Each write hears of its own failure; without a listener the first would end the process.
  stream.on('error', () => undefined)
  const failed = (error: NodeJS.ErrnoException): boolean => {
    isGone = error.code === 'EPIPE'
    if (isGone) gone()
    return !isGone
  }
  return {
    isTerminal: stream.isTTY === true,
    // A terminal that does not know its width says 0.
    columns: stream.columns || COLUMNS,
    write: (text) =>
      new Promise((resolve, reject) => {
        if (isGone) resolve()
        else stream.write(text, (error) => (error && failed(error) ? reject(error) : resolve()))
      }),
  }
}

// Once: who asks a second time means it, and is served by the system.
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => ending.abort(new Interrupted(`ended by ${signal}`)))
}
// A command that only waits, for a record or a lock, has nothing else that keeps the process alive.
const alive = setInterval(() => undefined, 60_000)
const stdout = sinkOf(process.stdout, () => ending.abort(new ClosedPipe('nobody reads on')))
const stderr = sinkOf(process.stderr, () => undefined)
const colours = stdout.isTerminal && !process.env['NO_COLOR'] ? 'on' : 'off'
process.exitCode = await run(process.argv.slice(2), {
  env: nodeEnvironment(),
  // Made for who asks for it, and closed at the end: an input that is open keeps a process alive.
  get stdin() {
    const { stdin } = process
    // Of what it cannot read Node makes an input that is empty, and says nothing.
    const isUnreadable = Object.getPrototypeOf(stdin) === Readable.prototype
    if (isUnreadable) throw new UsageError('the standard input is a directory, or nothing that can be read')
    ending.signal.addEventListener('abort', () => stdin.destroy())
    return stdin
  },
  stdout,
  stderr,
  colours,
  signal: ending.signal,
})
clearInterval(alive)
