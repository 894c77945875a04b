/** Asks oracle.py. */
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const script = fileURLToPath(new URL('oracle.py', import.meta.url))

/** The oracle, or a sentence that says what is missing. */
export function findPythonOracle() {
  const { error, stdout } = spawnSync('python3', ['--version'], { encoding: 'utf8' })
  const version = /^Python (3\.\d+)/.exec(stdout ?? '')
  if (error || !version) return 'the program python3 is missing (it is found through PATH)'
  return { name: `python-${version[1]}`, answer }
}

async function answer(questions) {
  const options = { input: JSON.stringify(questions), encoding: 'utf8', maxBuffer: 2 ** 28 }
  const { status, stdout, stderr } = spawnSync('python3', [script], options)
  if (status !== 0) throw new Error(`oracle.py ended with ${status}: ${stderr}`)
  return JSON.parse(stdout)
}
