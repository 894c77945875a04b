import { asciiBytes } from '../../bytes.ts'

/** How many slots a Redis Cluster deals its keys into. */
export const redisSlots = 16_384

/** The slot of a key without a hash tag: CRC-16/XMODEM of its bytes, as the Redis Cluster specification has it. */
export function redisSlot(key: string): number {
  let crc = 0
  for (const byte of asciiBytes(key)) {
    crc ^= byte << 8
    for (let bit = 0; bit < 8; bit++) crc = ((crc << 1) ^ (crc & 0x8000 ? 0x1021 : 0)) & 0xffff
  }
  return crc % redisSlots
}
