/**
 * As much of WebAssembly as one loop needs: instructions as functions that give their bytes, so that code reads as the
 * expressions that it computes. All values have 32 bits. What is put together wrongly is refused when it is compiled.
 */
export type Code = readonly number[]

/** What Node has of it; its types do not tell. Missing where Node was started with `--jitless`. */
interface Assembly {
  readonly Memory: new (size: { readonly initial: number; readonly maximum: number }) => {
    readonly buffer: ArrayBuffer
  }
  readonly Module: new (bytes: Uint8Array) => object
  readonly Instance: new (module: object, imports: object) => { readonly exports: object }
}

/** A function in WebAssembly and the memory that it works on, which never grows. */
export interface Assembled {
  readonly memory: ArrayBuffer
  readonly run: (...parameters: number[]) => number
}

/** Memory comes in pages of this size. */
export const MEMORY_PAGE_BYTES = 64 * 1024

const MAGIC_AND_VERSION = [0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0]
const I32 = 0x7f
const NOTHING = 0x40
const END = 0x0b

export function constant(value: number): Code {
  return [0x41, ...signed(value)]
}

export const add = (a: Code, b: Code): Code => [...a, ...b, 0x6a]
export const minus = (a: Code, b: Code): Code => [...a, ...b, 0x6b]
export const times = (a: Code, b: Code): Code => [...a, ...b, 0x6c]
export const and = (a: Code, b: Code): Code => [...a, ...b, 0x71]
export const xor = (a: Code, b: Code): Code => [...a, ...b, 0x73]
export const shiftLeft = (a: Code, bits: number): Code => [...a, ...constant(bits), 0x74]
/** Zeros come in from the left. */
export const shiftRight = (a: Code, bits: number): Code => [...a, ...constant(bits), 0x76]
export const differs = (a: Code, b: Code): Code => [...a, ...b, 0x47]
/** Of signed numbers. */
export const isLess = (a: Code, b: Code): Code => [...a, ...b, 0x48]

/** Four bytes of the memory, the low one first, from `at + offset` on. */
export const load = (at: Code, offset = 0): Code => [...at, 0x28, 0, ...unsigned(offset)]
export const store = (at: Code, offset: number, value: Code): Code => [...at, ...value, 0x36, 0, ...unsigned(offset)]

/** A variable; as code, its value. */
export type Local = readonly [number, number]

/** The first are the parameters, in their order. */
export function locals<N extends string>(...names: readonly N[]): Readonly<Record<N, Local>> {
  return Object.fromEntries(names.map((name, index) => [name, [0x20, index]])) as unknown as Record<N, Local>
}

export const set = ([, index]: Local, value: Code): Code => [...value, 0x21, index]

export function when(condition: Code, ...body: readonly Code[]): Code {
  return [...condition, 0x04, NOTHING, ...body.flat(), END]
}

/** For ever, unless something in it says `leaveIf`. */
export function repeat(...body: readonly Code[]): Code {
  return [0x02, NOTHING, 0x03, NOTHING, ...body.flat(), 0x0c, 0, END, END]
}

/** Right in the body of a `repeat`, and not in a `when` there. */
export function leaveIf(condition: Code): Code {
  return [...condition, 0x0d, 1]
}

/**
 * Makes the function with this body, whose last value is its result, of so many locals in all. Undefined where Node has no
 * WebAssembly, or no memory for it.
 */
export function assemble(parameters: number, localsCount: number, pages: number, body: Code): Assembled | undefined {
  const { WebAssembly } = globalThis as { readonly WebAssembly?: Assembly }
  if (WebAssembly === undefined) return undefined
  try {
    const memory = new WebAssembly.Memory({ initial: pages, maximum: pages })
    const module = new WebAssembly.Module(Uint8Array.from(moduleOf(parameters, localsCount, pages, body)))
    const { exports } = new WebAssembly.Instance(module, { '': { memory } })
    return { memory: memory.buffer, ...(exports as Pick<Assembled, 'run'>) }
  } catch (error) {
    if (error instanceof RangeError) return undefined
    throw error
  }
}

function moduleOf(parameters: number, localsCount: number, pages: number, body: Code): Code {
  const variables = [1, ...unsigned(localsCount - parameters), I32]
  const code = [...variables, ...body, END]
  return [
    ...MAGIC_AND_VERSION,
    ...section(1, [0x60, ...list(Array.from({ length: parameters }, () => [I32])), 1, I32]),
    ...section(2, [...text(''), ...text('memory'), 2, 1, ...unsigned(pages), ...unsigned(pages)]),
    ...section(3, [0]),
    ...section(7, [...text('run'), 0, 0]),
    ...section(10, [...unsigned(code.length), ...code]),
  ]
}

/** With one entry. */
function section(id: number, entry: Code): Code {
  const content = list([entry])
  return [id, ...unsigned(content.length), ...content]
}

function list(entries: readonly Code[]): Code {
  return [...unsigned(entries.length), ...entries.flat()]
}

function text(ascii: string): Code {
  return list([...ascii].map((letter) => [letter.charCodeAt(0)]))
}

/** Seven bits a byte, the low ones first (LEB128). */
function unsigned(value: number): Code {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...unsigned(value >>> 7)]
}

function signed(value: number): Code {
  const rest = value >> 6
  return rest === 0 || rest === -1 ? [value & 0x7f] : [(value & 0x7f) | 0x80, ...signed(value >> 7)]
}
