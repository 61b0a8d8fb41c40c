/** Up to so many bytes, and up to this many arguments to one call, text is made here. */
export const SHORT_TEXT_MAX = 12

const { fromCharCode } = String

/**
 * Text out of up to twelve bytes of ASCII; undefined when there are other bytes. A call into the engine for so few costs
 * more than all of them: eight characters take 15 ns here and 70 with `toString`.
 */
export function shortText(b: Uint8Array, i: number, length: number): string | undefined {
  let any = 0
  for (let index = i; index < i + length; index++) any |= b[index]!
  if (any >= 0x80) return undefined
  // `fromCharCode` is quick only where the number of its arguments is known.
  switch (length) {
    case 0:
      return ''
    case 1:
      return fromCharCode(b[i]!)
    case 2:
      return fromCharCode(b[i]!, b[i + 1]!)
    case 3:
      return fromCharCode(b[i]!, b[i + 1]!, b[i + 2]!)
    case 4:
      return fromCharCode(b[i]!, b[i + 1]!, b[i + 2]!, b[i + 3]!)
    case 5:
      return fromCharCode(b[i]!, b[i + 1]!, b[i + 2]!, b[i + 3]!, b[i + 4]!)
    case 6:
      return fromCharCode(b[i]!, b[i + 1]!, b[i + 2]!, b[i + 3]!, b[i + 4]!, b[i + 5]!)
    case 7:
      return fromCharCode(b[i]!, b[i + 1]!, b[i + 2]!, b[i + 3]!, b[i + 4]!, b[i + 5]!, b[i + 6]!)
    case 8:
      return fromCharCode(b[i]!, b[i + 1]!, b[i + 2]!, b[i + 3]!, b[i + 4]!, b[i + 5]!, b[i + 6]!, b[i + 7]!)
    // prettier-ignore
    case 9: return fromCharCode(b[i]!, b[i + 1]!, b[i + 2]!, b[i + 3]!, b[i + 4]!, b[i + 5]!, b[i + 6]!, b[i + 7]!, b[i + 8]!)
    // prettier-ignore
    case 10: return fromCharCode(b[i]!, b[i + 1]!, b[i + 2]!, b[i + 3]!, b[i + 4]!, b[i + 5]!, b[i + 6]!, b[i + 7]!, b[i + 8]!, b[i + 9]!)
    // prettier-ignore
    case 11: return fromCharCode(b[i]!, b[i + 1]!, b[i + 2]!, b[i + 3]!, b[i + 4]!, b[i + 5]!, b[i + 6]!, b[i + 7]!, b[i + 8]!, b[i + 9]!, b[i + 10]!)
    // prettier-ignore
    default: return fromCharCode(b[i]!, b[i + 1]!, b[i + 2]!, b[i + 3]!, b[i + 4]!, b[i + 5]!, b[i + 6]!, b[i + 7]!, b[i + 8]!, b[i + 9]!, b[i + 10]!, b[i + 11]!)
  }
}
