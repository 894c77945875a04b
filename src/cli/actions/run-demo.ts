import { Stage } from '../demo/stage.ts'
import { Story } from '../demo/story.ts'
import { CommandFailed } from '../failures.ts'
import { createOutput, withProgress } from '../output.ts'
import { stopSignal } from '../stopping.ts'

/** Tells the story; throws CommandFailed when a step did not come out as the method says. */
export async function runDemo(flags: { json?: boolean }): Promise<void> {
  const output = createOutput(flags)
  const stage = new Stage()
  // However this process ends, its children and files go with it.
  process.once('exit', () => stage.dispose())
  const interrupted = stopSignal().then(() => {
    throw new CommandFailed('interrupted; everything it started is stopped')
  })
  const startedMs = Date.now()
  const told = withProgress(output, 'starting three servers', stage.open()).then(() =>
    new Story(stage, output).tell(),
  )
  const isTrue = await Promise.race([told, interrupted]).catch((error: unknown) => {
    // Whatever went wrong on the stage, nothing was wrong with the command line.
    throw error instanceof CommandFailed ? error : new CommandFailed(`the story broke off: ${String(error)}`)
  })
  if (!isTrue) throw new CommandFailed('not every step came out as the method says; see above')
  if (!output.isJson)
    process.stdout.write(`\nEvery step came out as the method says (${Date.now() - startedMs} ms).\n`)
}
