import { SeglogError } from '../../segments/errors.ts'

/** A value that is refused because its bytes would be read as another. */
export function wouldNotComeBack(reason: string): SeglogError {
  return new SeglogError('ENCODE', `the value would not come back from its CBOR: ${reason}`)
}

export function tooLarge(bytesMax: number): SeglogError {
  return new SeglogError('TOO_LARGE', `a value takes more than ${bytesMax} bytes, which no frame can hold`)
}

/** Of a later standard than the types here, and in every Node that runs this. */
interface WellFormed {
  isWellFormed(): boolean
}

/** Whether UTF-8 can hold a text: half a surrogate pair would become U+FFFD. */
export function isWellFormed(text: string): boolean {
  return (text as unknown as WellFormed).isWellFormed()
}
