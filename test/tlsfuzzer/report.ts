/** What is told of a run: a line for each script, the table by feature, the sums, and all of it as JSON. */
import type { Entry } from './list.ts'
import type { Result } from './script.ts'

/** Scripts and conversations, those that passed and all. */
export interface Sums {
  scriptsPassed: number
  scripts: number
  conversationsPassed: number
  conversations: number
}

/** An entry that was not run, and why. */
export interface Skipped {
  readonly entry: Entry
  readonly why: string
}

/** A whole run. */
export interface Run {
  readonly results: readonly Result[]
  readonly skipped: readonly Skipped[]
  readonly seconds: number
}

const shownConversations = 12

/** The line of a script that has ended, and one for each conversation that failed. @param place such as `3/105` */
export function progressLines(result: Result, place: string): string[] {
  const { entry, status, seconds, failed } = result
  const sums = sumsOf([result])
  const count = `${sums.conversationsPassed}/${sums.conversations}`
  const line = `${place.padStart(7)} ${status.padEnd(11)} ${entry.id.padEnd(60)} ${count.padStart(9)} ${seconds.toFixed(1).padStart(6)} s`
  if (status === 'pass') return [line]
  const shown = failed
    .slice(0, shownConversations)
    .map(({ name, problem }) => `          - ${name}: ${problem.slice(0, 160)}`)
  const hidden = failed.length - shown.length
  return [line, ...shown, ...(hidden > 0 ? [`          - and ${hidden} more`] : [])]
}

/** The table by feature, the scripts that did not pass, and the sums. */
export function summaryLines({ results, skipped, seconds }: Run): string[] {
  const features = [...new Set(results.map(({ entry }) => entry.feature))].sort()
  const rows = features.map(feature =>
    row(feature, sumsOf(results.filter(({ entry }) => entry.feature === feature))),
  )
  const failed = results.filter(({ status }) => status !== 'pass')
  const sums = sumsOf(results)
  return [
    `${'feature'.padEnd(28)} ${'scripts'.padStart(9)} ${'conversations'.padStart(15)}`,
    ...rows,
    ...failed.map(({ entry, status }) => `NOT OK  ${entry.id} (${status})`),
    ...skipped.map(({ entry, why }) => `skipped ${entry.id} (${why})`),
    `TOTAL scripts ${sums.scriptsPassed}/${sums.scripts}  conversations ` +
      `${sums.conversationsPassed}/${sums.conversations}  skipped ${skipped.length}  ${Math.round(seconds)} s`,
  ]
}

/** The run as an object for `--json`. */
export function runAsJson(run: Run): object {
  return {
    summary: { ...sumsOf(run.results), skipped: run.skipped.length, seconds: Math.round(run.seconds) },
    results: run.results.map(({ entry: { id, script, feature }, status, seconds, counts, failed }) => ({
      ...{ id, script, feature, status, seconds, counts, failed },
    })),
    skipped: run.skipped.map(({ entry: { id }, why }) => ({ id, why })),
  }
}

function row(feature: string, sums: Sums): string {
  const scripts = `${sums.scriptsPassed}/${sums.scripts}`
  const conversations = `${sums.conversationsPassed}/${sums.conversations}`
  return `${feature.padEnd(28)} ${scripts.padStart(9)} ${conversations.padStart(15)}`
}

/** A conversation that fails as the list foretold counts as passed; one that a script left out does not count. */
export function sumsOf(results: readonly Result[]): Sums {
  const sums = { scriptsPassed: 0, scripts: 0, conversationsPassed: 0, conversations: 0 }
  for (const { status, counts } of results) {
    sums.scripts++
    if (status === 'pass') sums.scriptsPassed++
    if (!counts) continue
    sums.conversationsPassed += counts.pass + counts.xfail
    sums.conversations += counts.total - counts.skip
  }
  return sums
}
