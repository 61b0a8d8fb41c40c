/** Up to so many bytes of ASCII, text is made here; for more a call into the engine is faster. */
export const SHORT_TEXT_MAX = 24

const { fromCharCode } = String
/** A bit in each of four bytes that no ASCII has. */
export const BEYOND_ASCII = 0x80808080 | 0

/**
 * Text of up to twelve bytes of ASCII that are given as words, the first byte lowest: of four bytes and more the first four,
 * the four behind them (from nine bytes on) and the last four; of fewer the first, the middle and the last one in `first`.
 */
export function textOfWords(first: number, middle: number, last: number, length: number): string {
  // `fromCharCode` is quick only where the number of its arguments is known.
  switch (length) {
    // prettier-ignore
    case 0: return ''
    // prettier-ignore
    case 1: return fromCharCode(first & 255)
    // prettier-ignore
    case 2: return fromCharCode(first & 255, (first >> 16) & 255)
    // prettier-ignore
    case 3: return fromCharCode(first & 255, (first >> 8) & 255, (first >> 16) & 255)
    // prettier-ignore
    case 4: return fromCharCode(first & 255, (first >> 8) & 255, (first >> 16) & 255, first >> 24)
    // prettier-ignore
    case 5: return fromCharCode(first & 255, (first >> 8) & 255, (first >> 16) & 255, first >> 24, last >> 24)
    // prettier-ignore
    case 6: return fromCharCode(first & 255, (first >> 8) & 255, (first >> 16) & 255, first >> 24, (last >> 16) & 255, last >> 24)
    // prettier-ignore
    case 7: return fromCharCode(first & 255, (first >> 8) & 255, (first >> 16) & 255, first >> 24, (last >> 8) & 255, (last >> 16) & 255, last >> 24)
    // prettier-ignore
    case 8: return fromCharCode(first & 255, (first >> 8) & 255, (first >> 16) & 255, first >> 24, last & 255, (last >> 8) & 255, (last >> 16) & 255, last >> 24)
    // prettier-ignore
    case 9: return fromCharCode(first & 255, (first >> 8) & 255, (first >> 16) & 255, first >> 24, middle & 255, (middle >> 8) & 255, (middle >> 16) & 255, middle >> 24, last >> 24)
    // prettier-ignore
    case 10: return fromCharCode(first & 255, (first >> 8) & 255, (first >> 16) & 255, first >> 24, middle & 255, (middle >> 8) & 255, (middle >> 16) & 255, middle >> 24, (last >> 16) & 255, last >> 24)
    // prettier-ignore
    case 11: return fromCharCode(first & 255, (first >> 8) & 255, (first >> 16) & 255, first >> 24, middle & 255, (middle >> 8) & 255, (middle >> 16) & 255, middle >> 24, (last >> 8) & 255, (last >> 16) & 255, last >> 24)
    // prettier-ignore
    default: return fromCharCode(first & 255, (first >> 8) & 255, (first >> 16) & 255, first >> 24, middle & 255, (middle >> 8) & 255, (middle >> 16) & 255, middle >> 24, last & 255, (last >> 8) & 255, (last >> 16) & 255, last >> 24)
  }
}

/**
 * Text of 13 to 24 bytes; undefined where not all of them are ASCII. Measured, 19 digits: 30 ns against 90 with `toString`,
 * whose call into the engine costs as much as all the rest.
 */
export function shortText(view: DataView, at: number, length: number): string | undefined {
  let any = view.getInt32(at) | view.getInt32(at + 4) | view.getInt32(at + 8) | view.getInt32(at + length - 4)
  if (length > 16) any |= view.getInt32(at + 12)
  if (length > 20) any |= view.getInt32(at + 16)
  if ((any & BEYOND_ASCII) !== 0) return undefined
  switch (length) {
    // prettier-ignore
    case 13: return fromCharCode(view.getUint8(at), view.getUint8(at + 1), view.getUint8(at + 2), view.getUint8(at + 3), view.getUint8(at + 4), view.getUint8(at + 5), view.getUint8(at + 6), view.getUint8(at + 7), view.getUint8(at + 8), view.getUint8(at + 9), view.getUint8(at + 10), view.getUint8(at + 11), view.getUint8(at + 12))
    // prettier-ignore
    case 14: return fromCharCode(view.getUint8(at), view.getUint8(at + 1), view.getUint8(at + 2), view.getUint8(at + 3), view.getUint8(at + 4), view.getUint8(at + 5), view.getUint8(at + 6), view.getUint8(at + 7), view.getUint8(at + 8), view.getUint8(at + 9), view.getUint8(at + 10), view.getUint8(at + 11), view.getUint8(at + 12), view.getUint8(at + 13))
    // prettier-ignore
    case 15: return fromCharCode(view.getUint8(at), view.getUint8(at + 1), view.getUint8(at + 2), view.getUint8(at + 3), view.getUint8(at + 4), view.getUint8(at + 5), view.getUint8(at + 6), view.getUint8(at + 7), view.getUint8(at + 8), view.getUint8(at + 9), view.getUint8(at + 10), view.getUint8(at + 11), view.getUint8(at + 12), view.getUint8(at + 13), view.getUint8(at + 14))
    // prettier-ignore
    case 16: return fromCharCode(view.getUint8(at), view.getUint8(at + 1), view.getUint8(at + 2), view.getUint8(at + 3), view.getUint8(at + 4), view.getUint8(at + 5), view.getUint8(at + 6), view.getUint8(at + 7), view.getUint8(at + 8), view.getUint8(at + 9), view.getUint8(at + 10), view.getUint8(at + 11), view.getUint8(at + 12), view.getUint8(at + 13), view.getUint8(at + 14), view.getUint8(at + 15))
    // prettier-ignore
    case 17: return fromCharCode(view.getUint8(at), view.getUint8(at + 1), view.getUint8(at + 2), view.getUint8(at + 3), view.getUint8(at + 4), view.getUint8(at + 5), view.getUint8(at + 6), view.getUint8(at + 7), view.getUint8(at + 8), view.getUint8(at + 9), view.getUint8(at + 10), view.getUint8(at + 11), view.getUint8(at + 12), view.getUint8(at + 13), view.getUint8(at + 14), view.getUint8(at + 15), view.getUint8(at + 16))
    // prettier-ignore
    case 18: return fromCharCode(view.getUint8(at), view.getUint8(at + 1), view.getUint8(at + 2), view.getUint8(at + 3), view.getUint8(at + 4), view.getUint8(at + 5), view.getUint8(at + 6), view.getUint8(at + 7), view.getUint8(at + 8), view.getUint8(at + 9), view.getUint8(at + 10), view.getUint8(at + 11), view.getUint8(at + 12), view.getUint8(at + 13), view.getUint8(at + 14), view.getUint8(at + 15), view.getUint8(at + 16), view.getUint8(at + 17))
    // prettier-ignore
    case 19: return fromCharCode(view.getUint8(at), view.getUint8(at + 1), view.getUint8(at + 2), view.getUint8(at + 3), view.getUint8(at + 4), view.getUint8(at + 5), view.getUint8(at + 6), view.getUint8(at + 7), view.getUint8(at + 8), view.getUint8(at + 9), view.getUint8(at + 10), view.getUint8(at + 11), view.getUint8(at + 12), view.getUint8(at + 13), view.getUint8(at + 14), view.getUint8(at + 15), view.getUint8(at + 16), view.getUint8(at + 17), view.getUint8(at + 18))
    // prettier-ignore
    case 20: return fromCharCode(view.getUint8(at), view.getUint8(at + 1), view.getUint8(at + 2), view.getUint8(at + 3), view.getUint8(at + 4), view.getUint8(at + 5), view.getUint8(at + 6), view.getUint8(at + 7), view.getUint8(at + 8), view.getUint8(at + 9), view.getUint8(at + 10), view.getUint8(at + 11), view.getUint8(at + 12), view.getUint8(at + 13), view.getUint8(at + 14), view.getUint8(at + 15), view.getUint8(at + 16), view.getUint8(at + 17), view.getUint8(at + 18), view.getUint8(at + 19))
    // prettier-ignore
    case 21: return fromCharCode(view.getUint8(at), view.getUint8(at + 1), view.getUint8(at + 2), view.getUint8(at + 3), view.getUint8(at + 4), view.getUint8(at + 5), view.getUint8(at + 6), view.getUint8(at + 7), view.getUint8(at + 8), view.getUint8(at + 9), view.getUint8(at + 10), view.getUint8(at + 11), view.getUint8(at + 12), view.getUint8(at + 13), view.getUint8(at + 14), view.getUint8(at + 15), view.getUint8(at + 16), view.getUint8(at + 17), view.getUint8(at + 18), view.getUint8(at + 19), view.getUint8(at + 20))
    // prettier-ignore
    case 22: return fromCharCode(view.getUint8(at), view.getUint8(at + 1), view.getUint8(at + 2), view.getUint8(at + 3), view.getUint8(at + 4), view.getUint8(at + 5), view.getUint8(at + 6), view.getUint8(at + 7), view.getUint8(at + 8), view.getUint8(at + 9), view.getUint8(at + 10), view.getUint8(at + 11), view.getUint8(at + 12), view.getUint8(at + 13), view.getUint8(at + 14), view.getUint8(at + 15), view.getUint8(at + 16), view.getUint8(at + 17), view.getUint8(at + 18), view.getUint8(at + 19), view.getUint8(at + 20), view.getUint8(at + 21))
    // prettier-ignore
    case 23: return fromCharCode(view.getUint8(at), view.getUint8(at + 1), view.getUint8(at + 2), view.getUint8(at + 3), view.getUint8(at + 4), view.getUint8(at + 5), view.getUint8(at + 6), view.getUint8(at + 7), view.getUint8(at + 8), view.getUint8(at + 9), view.getUint8(at + 10), view.getUint8(at + 11), view.getUint8(at + 12), view.getUint8(at + 13), view.getUint8(at + 14), view.getUint8(at + 15), view.getUint8(at + 16), view.getUint8(at + 17), view.getUint8(at + 18), view.getUint8(at + 19), view.getUint8(at + 20), view.getUint8(at + 21), view.getUint8(at + 22))
    // prettier-ignore
    default: return fromCharCode(view.getUint8(at), view.getUint8(at + 1), view.getUint8(at + 2), view.getUint8(at + 3), view.getUint8(at + 4), view.getUint8(at + 5), view.getUint8(at + 6), view.getUint8(at + 7), view.getUint8(at + 8), view.getUint8(at + 9), view.getUint8(at + 10), view.getUint8(at + 11), view.getUint8(at + 12), view.getUint8(at + 13), view.getUint8(at + 14), view.getUint8(at + 15), view.getUint8(at + 16), view.getUint8(at + 17), view.getUint8(at + 18), view.getUint8(at + 19), view.getUint8(at + 20), view.getUint8(at + 21), view.getUint8(at + 22), view.getUint8(at + 23))
  }
}
