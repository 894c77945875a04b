/** The figures of a simulation as one SVG, readable on light and dark ground. */
import { clusterEvents } from '../../cluster/simulation/placement-figures.ts'
import type { Simulation } from './simulation.ts'

const panel = { width: 380, height: 210, left: 52, top: 82, gap: 72 }
const ticks = 4

/** One kind of figure in a panel: its colour is its place in the style, its values are in the order of the labels. */
interface Series {
  readonly name: string
  readonly values: readonly number[]
}

interface Panel {
  readonly title: string
  readonly labels: readonly string[]
  readonly series: readonly Series[]
  readonly kind: 'bars' | 'lines'
  /** Where the ideal is. */
  readonly mark: number
  /** What the axis is to show; a bar beyond it is cut off, its value stands over it. */
  readonly top?: number
}

/** Bars of peak to mean and of moved sessions by placement, and lines of hops by nodes. */
export function simulationPlot(simulation: Simulation): string {
  const panels = [balancePanel(simulation), ...movedPanels(simulation), hopPanel(simulation)]
  const width = panel.left + panels.length * (panel.width + panel.gap) - panel.gap + 24
  const height = panel.top + panel.height + 56
  const { nodes, sessions, sampled, seed } = simulation
  const counted = sampled === sessions ? sessions : sampled
  const caption = `ringtls simulate: ${nodes} nodes, ${counted} sessions${sampled === sessions ? '' : ' sampled'}, seed ${seed}`
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img">`,
    `<title>${escaped(caption)}</title>`,
    `<style>${style}</style>`,
    `<rect class="ground" width="${width}" height="${height}"/>`,
    ...panels.map((each, i) => drawPanel(each, panel.left + i * (panel.width + panel.gap))),
    `<text class="small" x="${width - 24}" y="${height - 10}" text-anchor="end">${escaped(caption)}</text>`,
    '</svg>\n',
  ].join('\n')
}

const style = `
  .ground { fill: #ffffff } text { fill: #24292f; font: 12px system-ui, sans-serif }
  .title { font-weight: 600; font-size: 14px } .small { font-size: 11px } .tiny { font-size: 10px }
  .axis { stroke: #8c959f; fill: none } .grid { stroke: #d8dee4 } .mark { stroke: #cf222e; stroke-dasharray: 5 4 }
  .s0 { fill: #0969da } .s1 { fill: #bf8700 } .s2 { fill: #1a7f37 }
  .l0 { stroke: #0969da } .l1 { stroke: #bf8700 } .l2 { stroke: #1a7f37 } .line { fill: none; stroke-width: 2 }
  @media (prefers-color-scheme: dark) {
    .ground { fill: #0d1117 } text { fill: #e6edf3 } .axis { stroke: #8b949e } .grid { stroke: #30363d } .mark { stroke: #ff7b72 }
    .s0 { fill: #58a6ff } .s1 { fill: #d29922 } .s2 { fill: #3fb950 }
    .l0 { stroke: #58a6ff } .l1 { stroke: #d29922 } .l2 { stroke: #3fb950 }
  }`

function balancePanel({ placements, draws }: Simulation): Panel {
  const one = { name: 'one draw', values: placements.map(({ balance }) => balance.peakToMean) }
  const two = { name: 'best of two', values: placements.map(({ bestOfTwo }) => bestOfTwo?.peakToMean ?? 0) }
  return {
    title: 'Busiest node to the mean',
    labels: placements.map(({ placement }) => placement),
    series: draws === 2 ? [one, two] : [one],
    kind: 'bars',
    mark: 1,
  }
}

/** None where nothing happens, else one; who crashes moves as many as who leaves. */
function movedPanels({ placements, events }: Simulation): readonly Panel[] {
  const shown = clusterEvents.filter(event => event !== 'crash' && events.includes(event))
  const ideal = placements[0]!.events.find(({ event }) => event === shown[0])?.idealMoved
  if (ideal === undefined) return []
  const series = shown.map(event => ({
    name: `one node ${event === 'join' ? 'joins' : 'leaves'}`,
    values: placements.map(({ events }) => 100 * events.find(figures => figures.event === event)!.moved),
  }))
  const labels = placements.map(({ placement }) => placement)
  // A table that is dealt again moves nearly all, and would leave nothing to see of the others.
  const mark = 100 * ideal
  return [{ title: 'Sessions that move, %', labels, series, kind: 'bars', mark, top: 3 * mark }]
}

function hopPanel({ hops }: Simulation): Panel {
  return {
    title: 'Hops on average, by number of nodes',
    labels: hops.map(({ nodes }) => String(nodes)),
    series: [
      { name: 'Chord', values: hops.map(({ chord }) => chord.mean) },
      { name: 'Kademlia', values: hops.map(({ kademlia }) => kademlia.mean) },
      { name: 'log2', values: hops.map(({ log2 }) => log2) },
    ],
    kind: 'lines',
    mark: 1,
  }
}

function drawPanel({ title, labels, series, kind, mark, top: wanted }: Panel, x: number): string {
  const highest = Math.max(...series.flatMap(({ values }) => values), mark)
  const top = niceAbove(Math.min(highest, wanted ?? highest))
  const yOf = (value: number) => round(panel.height * (1 - value / top))
  const step = panel.width / labels.length
  const grid = Array.from({ length: ticks + 1 }, (_, i) => (top * i) / ticks).map(
    value =>
      `<line class="grid" x1="0" x2="${panel.width}" y1="${yOf(value)}" y2="${yOf(value)}"/>` +
      `<text x="-8" y="${yOf(value) + 4}" text-anchor="end">${round(value)}</text>`,
  )
  const names = labels.map(
    (label, i) =>
      `<text x="${round((i + 0.5) * step)}" y="${panel.height + 18}" text-anchor="middle">${label}</text>`,
  )
  const legend = series.map(
    ({ name }, i) =>
      `<rect class="s${i}" x="${i * 116}" y="-42" width="10" height="10"/><text class="small" x="${i * 116 + 15}" y="-33">${name}</text>`,
  )
  const scale = { step, top, yOf }
  const drawn = kind === 'bars' ? drawBars(series, scale) : drawLines(series, scale)
  const ideal = `<line class="mark" x1="0" x2="${panel.width}" y1="${yOf(mark)}" y2="${yOf(mark)}"/>`
  return [
    `<g transform="translate(${x} ${panel.top})">`,
    `<text class="title" x="0" y="-56">${title}</text>`,
    ...[...legend, ...grid, ...drawn, ideal, ...names],
    `<path class="axis" d="M0 0V${panel.height}H${panel.width}"/>`,
    '</g>',
  ].join('\n')
}

interface Scale {
  /** From one label to the next. */
  readonly step: number
  readonly top: number
  readonly yOf: (value: number) => number
}

function drawBars(series: readonly Series[], { step, top, yOf }: Scale): string[] {
  const width = (step * 0.8) / series.length
  return series.flatMap(({ values }, which) =>
    values.map((value, i) => {
      const x = round((i + 0.1) * step + which * width)
      const y = yOf(Math.min(value, top))
      const middle = round(x + width / 2 - 1)
      const said = `<text class="tiny" x="${middle}" y="${y - 4}" text-anchor="middle">${shortly(value)}</text>`
      return `<rect class="s${which}" x="${x}" y="${y}" width="${round(width - 2)}" height="${round(panel.height - y)}"/>${said}`
    }),
  )
}

function drawLines(series: readonly Series[], { step, yOf }: Scale): string[] {
  return series.flatMap(({ values }, which) => {
    const points = values.map((value, i) => ({ x: round((i + 0.5) * step), y: yOf(value) }))
    const line = points.map(({ x, y }) => `${x},${y}`).join(' ')
    const dots = points.map(({ x, y }) => `<circle class="s${which}" cx="${x}" cy="${y}" r="3"/>`)
    return [`<polyline class="line l${which}" points="${line}"/>`, ...dots]
  })
}

/** The least of 1, 2, 4, 8 and 10 times a power of ten that is not below `value`: a quarter of it is a short number. */
function niceAbove(value: number): number {
  const power = 10 ** Math.floor(Math.log10(value))
  return [1, 2, 4, 8, 10].map(factor => factor * power).find(nice => nice >= value)!
}

/** Three digits, for a value over a bar. */
function shortly(value: number): string {
  return String(Number(value.toPrecision(value < 1 ? 2 : 3)))
}

function round(value: number): number {
  return Math.round(value * 100) / 100
}

function escaped(text: string): string {
  return text.replace(/[&<>]/g, character => `&#${character.charCodeAt(0)};`)
}
