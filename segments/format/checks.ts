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
/** A u64 in decimal. */
export const isNanoseconds: Check = (value) =>
  typeof value === 'string' && /^\d{1,20}$/.test(value) && BigInt(value) < 1n << 64n
export const isText: Check = (value) => typeof value === 'string'
export const isFilled: Check = (value) => isText(value) && value !== ''
export const oneOf =
  (...values: readonly unknown[]): Check =>
  (value) =>
    values.includes(value)
export const members =
  (checks: Readonly<Record<string, Check>>): Check =>
  (value) =>
    isObject(value) && wrongMember(value as Record<string, unknown>, checks) === undefined
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

/** Name of a member that is missing or out of range. */
export function wrongMember(
  object: Record<string, unknown>,
  checks: Readonly<Record<string, Check>>,
): string | undefined {
  return Object.keys(checks).find((name) => !checks[name]!(object[name]))
}
