/** What a script printed, read: how many conversations went how, and why those that failed did. */

/** Conversations of a script, by outcome. */
export interface Counts {
  readonly total: number
  readonly skip: number
  readonly pass: number
  /** Failed as the list foretold. */
  readonly xfail: number
  readonly fail: number
  /** Passed although the list foretold a failure. */
  readonly xpass: number
}

const outcomes = ['skip', 'pass', 'xfail', 'fail', 'xpass'] as const

/** The counts at the end of a script's output; undefined when it printed none. */
export function countsOf(output: string): Counts | undefined {
  const found = new Map<string, number>()
  for (const [, word, count] of output.matchAll(/^(SKIP|PASS|XFAIL|FAIL|XPASS): (\d+)\s*$/gm)) {
    found.set(word!.toLowerCase(), Number(count))
  }
  if (found.has('pass')) return withTotal(Object.fromEntries(found))
  // Older scripts count in two words.
  const pass = lastNumber(output, /^successful: (\d+)\s*$/gm)
  const fail = lastNumber(output, /^failed: (\d+)\s*$/gm)
  return pass === undefined && fail === undefined
    ? undefined
    : withTotal({ pass: pass ?? 0, fail: fail ?? 0 })
}

/** Not the script's own TOTAL, which counts the names of conversations that it repeats. */
function withTotal(found: Readonly<Record<string, number>>): Counts {
  const counts = { skip: 0, pass: 0, xfail: 0, fail: 0, xpass: 0, ...found }
  return { ...counts, total: outcomes.reduce((sum, outcome) => sum + counts[outcome], 0) }
}

function lastNumber(text: string, pattern: RegExp): number | undefined {
  const last = [...text.matchAll(pattern)].at(-1)
  return last && Number(last[1])
}

/** A conversation that did not go as it should. */
export interface FailedConversation {
  readonly name: string
  readonly problem: string
}

const problemLine = /^([\w.]*(Error|Exception|Abrupt\w*|Alert\w*)|timeout|XPASS|Expected error)/

/** The conversations that failed, each once: a script prints `name ...`, then `OK` or a traceback. */
export function failedConversations(output: string): FailedConversation[] {
  const failed = new Map<string, string>()
  for (const block of `\n${output}`.split(/\n(?=[^\n]{1,300}\.\.\.\n)/)) {
    const [head = '', ...lines] = block.trim().split('\n')
    if (!head.endsWith('...')) continue
    const name = head
      .slice(0, -3)
      .trim()
      .replace(/^"(.*)" repeat \d+$/, '$1')
    const problem = problemOf(lines)
    if (problem !== undefined && !failed.has(name)) failed.set(name, problem)
  }
  return [...failed].map(([name, problem]) => ({ name, problem }))
}

/** The last line that names an error; undefined when the conversation went well. */
function problemOf(lines: readonly string[]): string | undefined {
  const end = lines.indexOf('Test end')
  const said = lines
    .slice(0, end < 0 ? undefined : end)
    .map(line => line.trim())
    .filter(line => line !== '')
  const text = said.join('\n')
  if (text.includes('OK-expected failure')) return undefined
  const hasTraceback = text.includes('Traceback (most recent call last)')
  if (said.includes('OK') && !hasTraceback) return undefined
  if (!hasTraceback && !/Error|XPASS|Expected error message/.test(text)) return undefined
  return (said.findLast(line => problemLine.test(line)) ?? said.at(-1) ?? '').slice(0, 240)
}
