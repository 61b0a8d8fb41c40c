import type { Timer } from './environment.ts'

/** The longest delay that `setTimeout` knows; it takes a longer one for none at all. */
const DELAY_MS_MAX = 0x7fff_ffff

/** A timer by the system's clock that never keeps the process alive. */
export function unrefTimer(delayMs: number, task: () => void): Timer {
  let timer: NodeJS.Timeout
  const arm = (leftMs: number): void => {
    const nextMs = Math.min(Math.ceil(leftMs), DELAY_MS_MAX)
    timer = setTimeout(() => (leftMs > nextMs ? arm(leftMs - nextMs) : task()), nextMs).unref()
  }
  arm(delayMs)
  return { cancel: () => clearTimeout(timer) }
}

/** A timer that does nothing but keep the process alive, until the returned function is called. */
export function refTimer(): () => void {
  const timer = setInterval(() => undefined, DELAY_MS_MAX)
  return () => clearInterval(timer)
}
