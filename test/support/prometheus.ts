/** Prometheus' text format 0.0.4, read strictly: whatever is not as the format has it is an error that names the line. */

export interface Metric {
  readonly type: string
  readonly help: string
  readonly samples: readonly Sample[]
}

export interface Sample {
  /** The metric's name, with `_bucket`, `_sum` or `_count` where it is a histogram. */
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}

/** Numbers are what Go's ParseFloat takes, for which `Nan` is one too: prom-client writes it so. */
const name = '[a-zA-Z_:][a-zA-Z0-9_:]*'
const label = '[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\\\\n]|\\\\["\\\\n])*"'
const helpLine = new RegExp(`^# HELP (${name}) (.+)$`)
const typeLine = new RegExp(`^# TYPE (${name}) (counter|gauge|histogram|summary|untyped)$`)
const sampleLine = new RegExp(
  `^(${name})(?:\\{(${label}(?:,${label})*)\\})? (-?[0-9][0-9.e+-]*|[+-]Inf|[Nn]a[Nn])$`,
)

/** The metrics of a page by name. Every one has HELP, TYPE and samples, in this order, once; no two samples are the same series. */
export function parsePrometheus(text: string): ReadonlyMap<string, Metric> {
  const metrics = new Map<string, { type: string; help: string; samples: Sample[] }>()
  const series = new Set<string>()
  let current = ''
  if (!text.endsWith('\n')) throw new Error('the last line has no end')
  for (const line of text.split('\n')) {
    if (line === '') continue
    const [, helped, help] = helpLine.exec(line) ?? []
    const [, typed, type] = typeLine.exec(line) ?? []
    if (helped !== undefined) {
      if (metrics.has(helped)) throw new Error(`twice: ${line}`)
      metrics.set(helped, { type: '', help: help!, samples: [] })
      current = helped
    } else if (typed !== undefined) {
      if (typed !== current || metrics.get(typed)!.type !== '') throw new Error(`out of place: ${line}`)
      metrics.get(typed)!.type = type!
    } else {
      const sample = parseSample(line)
      const metric = metrics.get(current)
      const suffixes = metric?.type === 'histogram' ? ['_bucket', '_sum', '_count'] : ['']
      if (!suffixes.some(suffix => sample.name === current + suffix)) throw new Error(`out of place: ${line}`)
      const identity = JSON.stringify([sample.name, Object.entries(sample.labels).sort()])
      if (series.has(identity)) throw new Error(`the series is there twice: ${line}`)
      series.add(identity)
      metric!.samples.push(sample)
    }
  }
  return metrics
}

function parseSample(line: string): Sample {
  const [, sampleName, labels = '', value] = sampleLine.exec(line) ?? []
  if (sampleName === undefined) throw new Error(`no line of this format: ${line}`)
  const pairs = [...labels.matchAll(/([a-zA-Z0-9_]+)="((?:[^"\\]|\\.)*)"/g)]
  const number = value!.endsWith('Inf') ? Number(`${value}inity`) : Number(value)
  if (Number.isNaN(number) && value!.toLowerCase() !== 'nan') throw new Error(`no number: ${line}`)
  return {
    name: sampleName,
    labels: Object.fromEntries(pairs.map(([, key, text]) => [key, text])),
    value: number,
  }
}

/** The value of one series; `undefined` when there is none. */
export function sampleOf(
  metrics: ReadonlyMap<string, Metric>,
  metric: string,
  labels: Readonly<Record<string, string>> = {},
): number | undefined {
  const wanted = JSON.stringify(Object.entries(labels).sort())
  return metrics
    .get(metric)
    ?.samples.find(sample => JSON.stringify(Object.entries(sample.labels).sort()) === wanted)?.value
}
