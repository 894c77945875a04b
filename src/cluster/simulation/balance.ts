/** How evenly nodes are loaded: 1, 1 and 0 where all have the same. */
export interface Balance {
  /** The busiest node's load to the mean. */
  readonly peakToMean: number
  /** The idlest node's load to the mean. */
  readonly minToMean: number
  /** The loads' standard deviation to the mean. */
  readonly coefficientOfVariation: number
}

/** The balance of `loads`, sessions by node. */
export function balanceOf(loads: ArrayLike<number>): Balance {
  const all = Array.from(loads)
  const mean = all.reduce((total, load) => total + load, 0) / all.length
  const squares = all.reduce((total, load) => total + (load - mean) ** 2, 0)
  const { peak, least } = all.reduce(
    ({ peak, least }, load) => ({ peak: Math.max(peak, load), least: Math.min(least, load) }),
    { peak: 0, least: Infinity },
  )
  return {
    peakToMean: peak / mean,
    minToMean: least / mean,
    coefficientOfVariation: Math.sqrt(squares / all.length) / mean,
  }
}
