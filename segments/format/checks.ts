import { COUNT_READ_MAX, EPOCH_READ_MAX, SEGMENT_BYTES_MAX } from './layout.ts'

/** Whether a value that was read from JSON is what a member must be. */
export type Check = (value: unknown) => boolean

export const isCount: Check = (value) =>
  Number.isSafeInteger(value) && (value as number) >= 0 && (value as number) <= COUNT_READ_MAX
export const isPositive: Check = (value) => isCount(value) && value !== 0
export const isEpoch: Check = (value) => isCount(value) && (value as number) <= EPOCH_READ_MAX
export const isSegmentBytes: Check = (value) =>
  isPositive(value) && (value as number) <= SEGMENT_BYTES_MAX && (value as number) % 8 === 0
export const isInt32: Check = (value) => typeof value === 'number' && (value | 0) === value
export const isObject: Check = (value) => typeof value === 'object' && value !== null && !Array.isArray(value)
export const isHex =
  (digits: number): Check =>
  (value) =>
    typeof value === 'string' && value.length === digits && /^[0-9a-f]*$/.test(value)
/** A u64 in decimal; only one of all twenty digits may be too large. */
export const isNanoseconds: Check = (value) =>
  typeof value === 'string' && /^\d{1,20}$/.test(value) && (value.length < 20 || BigInt(value) < 1n << 64n)
export const isText: Check = (value) => typeof value === 'string'
export const isFilled: Check = (value) => isText(value) && value !== ''
export const oneOf =
  (...values: readonly unknown[]): Check =>
  (value) =>
    values.includes(value)
export const members = (checks: Readonly<Record<string, Check>>): Check => {
  const wrongOf = wrongMember(checks)
  return (value) => isObject(value) && wrongOf(value as Record<string, unknown>) === undefined
}
export const listOf =
  (check: Check): Check =>
  (value) =>
    Array.isArray(value) && value.every(check)
export const optional =
  (check: Check): Check =>
  (value) =>
    value === undefined || check(value)
export const orNull =
  (check: Check): Check =>
  (value) =>
    value === null || check(value)

/** A function that names a member which is missing or out of range. The checks are listed once, as each manifest asks many. */
export function wrongMember(
  checks: Readonly<Record<string, Check>>,
): (object: Record<string, unknown>) => string | undefined {
  const listed = Object.entries(checks)
  return (object) => {
    for (const [name, check] of listed) if (!check(object[name])) return name
    return undefined
  }
}
