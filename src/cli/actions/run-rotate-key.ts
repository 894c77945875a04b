import { type KeyPeriod, type Rotation, rotateClusterKeys } from '../../cluster/index.ts'
import { createSecureContext } from '../../node/index.ts'
import type { RotateKeyFlags } from '../commands/cluster.ts'
import { readKeyFile, rewriteKeyFile } from '../key-file-writer.ts'
import { createOutput, type Printed } from '../output.ts'

/** Adds an epoch to a key file, and says what to do with it. */
export async function runRotateKey(file: string, flags: RotateKeyFlags): Promise<void> {
  const { random, now } = createSecureContext()
  const options = { random, nowMs: now(), delayMs: flags.delay * 1000, lifetimeMs: flags.ttl * 1000 }
  const rotate = (text: string) => rotateClusterKeys(text, file, options)
  const rotation = flags.dryRun ? rotate(readKeyFile(file)) : rewriteKeyFile(file, rotate)
  createOutput(flags).print(printedRotation(rotation, file, flags))
}

function printedRotation(
  { added, closed, dropped, periods }: Rotation,
  file: string,
  flags: RotateKeyFlags,
): Printed {
  const { delay, dryRun = false } = flags
  const epochs = periods.map(({ epoch, notBeforeMs, notAfterMs }) => ({
    epoch,
    notBefore: timeText(notBeforeMs),
    notAfter: Number.isFinite(notAfterMs) ? timeText(notAfterMs) : null,
  }))
  const advice = dryRun
    ? ['Nothing was written, since --dry-run asks for a rehearsal.']
    : [
        `Put ${file} on every server ${delay === 0 ? 'now: the epoch has begun' : 'before that'}. A running one takes it up by itself, or at SIGHUP.`,
        `See whether all have it: ringtls cluster check cluster.json --cluster-key ${file}`,
      ]
  return {
    json: { event: 'rotated', ...{ file, dryRun, epoch: added.epoch, epochs, dropped } },
    text: [
      `epoch ${added.epoch} begins at ${timeText(added.notBeforeMs)}, in ${delay} s`,
      ...closed.map(closedText),
      ...(dropped.length > 0 ? [`left out, since over: ${dropped.join(', ')}`] : []),
      ...advice,
    ].join('\n'),
  }
}

function closedText({ epoch, notAfterMs }: KeyPeriod): string {
  return `epoch ${epoch} opens what it sealed until ${timeText(notAfterMs)}`
}

function timeText(timeMs: number): string {
  return new Date(timeMs).toISOString()
}
