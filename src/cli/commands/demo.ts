import type { Command } from 'commander'
import { examples, jsonOption } from '../options.ts'

/** `ringtls demo`: the method, shown with processes of one's own. */
export function addDemo(program: Command): void {
  program
    .command('demo')
    .summary('show the method: a session that outlives the server that made it')
    .description(
      'Starts three server processes, their session stores and a TCP balancer on free loopback ports, and tells ' +
        'step by step how a session is made by one server, resumed by the others, and outlives its maker. ' +
        'Takes a few seconds, leaves nothing behind, and exits 0 only if every step came out as the method says.',
    )
    .option(...jsonOption)
    .addHelpText('after', examples('ringtls demo', 'ringtls demo --json'))
    .action(async (flags: { json?: boolean }) => (await import('../actions/run-demo.ts')).runDemo(flags))
}
