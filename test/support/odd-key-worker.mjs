/** In the place of src/node/key-worker.ts: tells how often it was given a key, and does what it is told to. */
let deliveries = 0

export function operate({ key, input }) {
  const command = Buffer.from(input).toString()
  if (command === 'exit') process.exit(1)
  if (command === 'throw') throw new Error('no such luck')
  if (command === 'slow') Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 300)
  if (key) deliveries++
  return deliveries === 0 ? 'unknown key' : { output: Buffer.from(`delivered ${deliveries}`) }
}
