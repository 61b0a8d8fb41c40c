import type { SystemError } from './environment.ts'

/** Linux numbers, negative as libuv gives them. EDQUOT has no name in libuv, so it arrives as UNKNOWN, as it would here. */
const ERRNO = {
  EPERM: -1,
  ENOENT: -2,
  EIO: -5,
  EBADF: -9,
  EAGAIN: -11,
  ENOMEM: -12,
  EACCES: -13,
  EBUSY: -16,
  EEXIST: -17,
  EXDEV: -18,
  ENOTDIR: -20,
  EISDIR: -21,
  EINVAL: -22,
  ENFILE: -23,
  EMFILE: -24,
  EFBIG: -27,
  ENOSPC: -28,
  EROFS: -30,
  EMLINK: -31,
  ENAMETOOLONG: -36,
  ENOTEMPTY: -39,
  ELOOP: -40,
  EADDRINUSE: -98,
  ESTALE: -116,
  EUCLEAN: -117,
  EDQUOT: -122,
} as const

/** An error of the system, by its name: `EIO`, `ENOSPC`, `EDQUOT`, `EACCES` … */
export type ErrorName = keyof typeof ERRNO

/** Names that libuv does not know, with the code that Node shows instead. */
const CODE_SHOWN: ReadonlyMap<ErrorName, string> = new Map([
  ['EDQUOT', 'UNKNOWN'],
  ['EUCLEAN', 'Unknown system error -117'],
  ['ESTALE', 'Unknown system error -116'],
])

/** An error as Node would give it for this failure of this call. */
export function systemError(name: ErrorName, syscall: string, path?: string): SystemError {
  const code = CODE_SHOWN.get(name) ?? name
  const where = path === undefined ? '' : ` '${path}'`
  const error = withoutStack(() => new Error(`${code}: ${syscall}${where}`))
  return Object.assign(error, { code, errno: ERRNO[name], syscall, ...(path === undefined ? {} : { path }) })
}

/** Anything thrown, as an error; ours are never anything else, but `catch` cannot know that. */
export function asSystemError(thrown: unknown): SystemError {
  if (thrown instanceof Error && 'errno' in thrown) return thrown as SystemError
  throw thrown
}

/** Makes an error that has no stack, as those of the system have none; stacks cost more than all else of a simulated call. */
export function withoutStack<E extends Error>(make: () => E): E {
  const { stackTraceLimit } = Error
  Error.stackTraceLimit = 0
  try {
    return make()
  } finally {
    Error.stackTraceLimit = stackTraceLimit
  }
}
