#!/usr/bin/env node
/**
 * The binary `ringtls`: commands in, exit code out. Everything that goes wrong ends here, in one line. A command
 * loads what it runs with only once it runs: --help and a typo are answered at once.
 */
import { Command } from 'commander'
import { packageVersion } from '../cluster/version.ts'
import { addClient } from './commands/client.ts'
import { addCluster } from './commands/cluster.ts'
import { addDemo } from './commands/demo.ts'
import { addInit } from './commands/init.ts'
import { addServer } from './commands/server.ts'
import { addSessionNode } from './commands/session-node.ts'
import { addSimulate } from './commands/simulate.ts'
import { endingOf, errnoOf } from './failures.ts'
import { examples } from './options.ts'

function createProgram(): Command {
  const program = new Command('ringtls')
    .description('TLS 1.2 whose sessions any server of a cluster resumes.')
    .version(packageVersion())
    .exitOverride()
    // What went wrong is said once, below.
    .configureOutput({ writeErr: () => {} })
    .showSuggestionAfterError()
    .addHelpText('after', examples('ringtls demo', 'ringtls init pki', 'ringtls server --help'))
    .addHelpText(
      'after',
      '\nExit codes: 0 done, 1 failed, 2 wrong usage or input. NO_COLOR turns colours off.\n',
    )
  addInit(program)
  addServer(program)
  addSessionNode(program)
  addClient(program)
  addCluster(program)
  addDemo(program)
  addSimulate(program)
  return program
}

function end(error: unknown): never {
  const { exitCode, line } = endingOf(error)
  if (line !== undefined) process.stderr.write(`ringtls: ${line}\n`)
  process.exit(exitCode)
}

// Whoever read our output has gone, as `head` does: there is nobody left to talk to.
process.stdout.on('error', error => (errnoOf(error) === 'EPIPE' ? process.exit(1) : end(error)))
process.on('uncaughtException', end)

try {
  await createProgram().parseAsync()
  process.stdout.write('', () => process.exit())
} catch (error) {
  end(error)
}
