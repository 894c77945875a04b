/** In the place of src/node/key-worker.ts: dies of whatever it is asked for. */
export function operate() {
  process.exit(1)
}
