import fs from 'node:fs'
import net from 'node:net'
import path from 'node:path'
import type { Done, Listener, SocketProbe, SystemError } from './environment.ts'
import { asSystemError, systemError } from './system-error.ts'

/** The kernel's limit for the path of a unix socket is 108 bytes with the zero behind it; 104 on BSD and macOS. */
const SOCKET_PATH_BYTES_MAX = process.platform === 'linux' ? 107 : 103

/**
 * A path by which the kernel accepts a socket. A long one goes through the open directory, which must stay open for as
 * long as this path is in use.
 */
interface Reach {
  readonly path: string
  release(): void
}

function reach(socketPath: string): Reach {
  const absolute = path.resolve(socketPath)
  if (Buffer.byteLength(absolute) <= SOCKET_PATH_BYTES_MAX) return { path: absolute, release: () => undefined }
  if (process.platform !== 'linux') throw systemError('ENAMETOOLONG', 'bind', socketPath)
  const directory = fs.openSync(path.dirname(absolute), fs.constants.O_RDONLY | fs.constants.O_DIRECTORY)
  const through = `/proc/self/fd/${directory}/${path.basename(absolute)}`
  if (Buffer.byteLength(through) > SOCKET_PATH_BYTES_MAX) {
    fs.closeSync(directory)
    throw systemError('ENAMETOOLONG', 'bind', socketPath)
  }
  return { path: through, release: () => fs.closeSync(directory) }
}

/**
 * The sockets at which this thread listens, by the numbers of their files. As long as somebody listens the number is not
 * given to another file, also where the name is gone.
 */
const ours = new Set<string>()

/** Undefined where nothing can be seen. */
function fileNumber(socketPath: string): string | undefined {
  try {
    const found = fs.lstatSync(socketPath, { bigint: true, throwIfNoEntry: false })
    return found && `${found.dev}:${found.ino}`
  } catch {
    return undefined
  }
}

export function listen(socketPath: string, done: Done<Listener>): void {
  let reached: Reach
  try {
    reached = reach(socketPath)
    // libuv reports a missing directory as EACCES.
    fs.lstatSync(path.dirname(reached.path))
  } catch (error) {
    const failed = asSystemError(error)
    setImmediate(() => done(failed, undefined as never))
    return
  }
  // A connection is answer enough.
  const server = net.createServer((socket) => {
    socket.on('error', () => undefined)
    socket.destroy()
  })
  let told = false
  server.on('error', (error) => {
    // After it listens, an error concerns one connection that could not be accepted; the kernel has accepted it anyway.
    if (told) return
    told = true
    reached.release()
    done(error as unknown as SystemError, undefined as never)
  })
  // `exclusive`: in a cluster's worker the primary would listen instead, and outlive the worker.
  server.listen({ path: reached.path, exclusive: true }, () => {
    told = true
    // The name is drawn at random: nobody has put another file there since.
    const number = fileNumber(socketPath)
    if (number !== undefined) ours.add(number)
    const close = (): void => {
      if (number !== undefined) ours.delete(number)
      closeServer(server, reached)
    }
    done(null, { close })
  })
  server.unref()
}

/** Closing removes the name by the path that was bound, so the directory is released after that. */
function closeServer(server: net.Server, reached: Reach): void {
  if (!server.listening) return
  server.close(() => reached.release())
}

/**
 * A connection to ourselves would prove only that the name is still that of our socket. Each opening asks that once, and the
 * first one of a process took 2 ms of code for it.
 */
export function probe(socketPath: string, done: (probe: SocketProbe) => void): void {
  const number = fileNumber(socketPath)
  if (number !== undefined && ours.has(number)) setImmediate(() => done('alive'))
  else connect(socketPath, done)
}

function connect(socketPath: string, done: (probe: SocketProbe) => void): void {
  let reached: Reach
  try {
    reached = reach(socketPath)
  } catch (error) {
    const answer = asSystemError(error).code === 'ENOENT' ? 'absent' : 'unknown'
    setImmediate(() => done(answer))
    return
  }
  const socket = net.connect({ path: reached.path })
  let told = false
  const answer = (proved: SocketProbe): void => {
    socket.destroy()
    if (told) return
    told = true
    reached.release()
    done(proved)
  }
  socket.on('connect', () => answer('alive'))
  socket.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'ECONNREFUSED') answer('dead')
    else if (error.code === 'ENOENT') answer(isThere(socketPath) ? 'unknown' : 'absent')
    else answer('unknown')
  })
}

/** ENOENT may also mean that /proc is not mounted, which must not pass for "no such name". */
function isThere(socketPath: string): boolean {
  try {
    fs.lstatSync(socketPath)
    return true
  } catch (error) {
    return asSystemError(error).code !== 'ENOENT'
  }
}
