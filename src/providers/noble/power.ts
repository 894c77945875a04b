/**
 * Four bits at a time, each with four squarings and one product, also where the bits are 0: the steps taken are the same
 * for all exponents of one length. What a product takes still depends on its numbers (SECURITY.md).
 */
export function power(base: bigint, exponent: Uint8Array, p: bigint): bigint {
  const powers = [p + 1n] // 1, in a length that is not multiplied faster.
  for (let i = 1; i < 16; i++) powers.push((powers[i - 1]! * base) % p)
  let result = 1n
  for (const byte of exponent) {
    for (const digit of [byte >> 4, byte & 15]) {
      for (let i = 0; i < 4; i++) result = (result * result) % p
      result = (result * powers[digit]!) % p
    }
  }
  return result
}
