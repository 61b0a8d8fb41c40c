/** What the tests of the command append. */
export interface Order {
  readonly order: string
  readonly price: number
}

export function order(sequence: number): Order {
  return { order: `O-${sequence % 7}`, price: sequence / 2 }
}
