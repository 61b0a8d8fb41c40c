import { KNOWN_TEXT_MAX, knownText } from './known-texts.ts'

/** What reads the items of a record: the next one begins at `at`. */
export interface ItemReader {
  readonly view: DataView
  readonly end: number
  at: number
  item(): unknown
}

type Compiled = (reader: ItemReader, text: typeof knownText) => unknown

/**
 * A shape that was read so often is worth a function of its own. It takes some 100 µs to make, and pays for that before it is
 * optimized: of the first thousand records of a process, all are decoded in 5.2 ms where it is made after 64 reads, in 12 after 256.
 */
const COMPILE_AFTER = 64
/** Definitions may be hostile: no long programs are made of them. */
const COMPILED_KEYS_MAX = 64
const COMPILED_TEXT_MAX = 4096
/** Makers for so many shapes are shared; one segment has up to half as many. */
const SHARED_MAX = 256

/** How objects of one shape are made. */
export class ShapeMaker {
  readonly keys: readonly string[]
  /** Reads the values of an object with all its keys. */
  compiled: Compiled | undefined
  private reads = 0

  constructor(keys: readonly string[]) {
    this.keys = keys
  }

  countRead(): void {
    this.reads += 1
    if (this.reads === COMPILE_AFTER) this.compiled = compile(this.keys)
  }
}

/** The one that was not asked for for longest stands first. */
const shared = new Map<string, ShapeMaker>()

/**
 * The maker for these keys. Each walk has decoders of its own, each segment its own definitions of the same shapes: with a
 * function for each, what the engine had learnt of one was lost for the next. Measured: 30 of 420 ns an order event.
 */
export function makerOf(keys: readonly string[]): ShapeMaker {
  if (keys.length > COMPILED_KEYS_MAX) return new ShapeMaker(keys)
  const name = JSON.stringify(keys)
  if (name.length > COMPILED_TEXT_MAX) return new ShapeMaker(keys)
  const maker = shared.get(name) ?? new ShapeMaker(keys)
  shared.delete(name)
  if (shared.size === SHARED_MAX) shared.delete(shared.keys().next().value!)
  shared.set(name, maker)
  return maker
}

/** To set a property of this one name would change the prototype; as in JSON, it is a property like any other. */
export function put(made: Record<string, unknown>, key: string, value: unknown): void {
  if (key !== '__proto__') made[key] = value
  else Object.defineProperty(made, key, { value, enumerable: true, writable: true, configurable: true })
}

/**
 * One object literal makes an object faster than key after key does, and all of one hidden class. What most items are is read
 * in the function itself, which knows at any time where it is; `item` reads all others, and refuses what is cut short.
 * Measured, nine keys: a loop over them 370 ns, a literal of calls of `item` 260, with short texts remembered 178, so 145.
 */
function compile(keys: readonly string[]): Compiled | undefined {
  const items = keys.map((_, index) => readInto(`v${index}`)).join('')
  // JSON escapes what could end a text of JavaScript; in brackets `__proto__` is a key like any other.
  const members = keys.map((key, index) => `${key === '__proto__' ? '["__proto__"]' : JSON.stringify(key)}:v${index}`)
  const body = `const { view, end } = reader
let { at } = reader, head
${items}
reader.at = at
return {${members.join()}}`
  try {
    // eslint-disable-next-line @typescript-eslint/no-implied-eval -- see above what is in it.
    return new Function('reader', 'text', body) as Compiled
  } catch (error) {
    // `--disallow-code-generation-from-strings`: the loop does the same.
    if (error instanceof EvalError) return undefined
    throw error
  }
}

/** Reads the next item into a variable: a short text, a small number, a number of two, four or eight bytes, or another. */
function readInto(v: string): string {
  return `
let ${v}
head = at < end ? view.getUint8(at) : 0xff
if (head >= 0x60 && head <= ${0x60 + KNOWN_TEXT_MAX} && head - 0x5f <= end - at && (${v} = text(view, at + 1, head - 0x60)) !== undefined) at += head - 0x5f
else if (head < 0x18) { ${v} = head; at += 1 }
else if (head === 0x19 && end - at >= 3) { ${v} = view.getUint16(at + 1); at += 3 }
else if (head === 0x1a && end - at >= 5) { ${v} = view.getUint32(at + 1); at += 5 }
else if (head === 0xfb && end - at >= 9) { ${v} = view.getFloat64(at + 1); at += 9 }
else { reader.at = at; ${v} = reader.item(); at = reader.at }`
}
