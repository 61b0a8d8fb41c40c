/** SHA-256, the one thing of node:crypto that is pure: it is imported here and nowhere else. */
import { hash } from 'node:crypto'

/** 64 hex digits. In one shot, which for short inputs is faster than an object that is fed (Node 20.12 and later). */
export function sha256(bytes: string | Uint8Array): string {
  return hash('sha256', bytes, 'hex')
}
