import { styled } from './output.ts'

/** A cell: its text, and how a terminal shows it. */
export type Cell = string | { readonly text: string; readonly style: Parameters<typeof styled>[0] }

export interface Table {
  readonly title?: string
  readonly heads: readonly string[]
  /** A row may be shorter than the heads. */
  readonly rows: readonly (readonly Cell[])[]
  /** Whether all columns but the first are figures, which stand at the right. */
  readonly isOfFigures?: boolean
}

/** Columns side by side, as wide as their widest cell, two blanks between them. */
export function tableText({ title, heads, rows, isOfFigures = false }: Table): string {
  const widths = heads.map((_, column) =>
    Math.max(...[heads, ...rows].map(row => textOf(row[column] ?? '').length)),
  )
  const lineOf = (row: readonly Cell[]) =>
    row
      .map((cell, column) => {
        const width = widths[column]!
        const text = textOf(cell)
        const padded = isOfFigures && column > 0 ? text.padStart(width) : text.padEnd(width)
        return typeof cell === 'string' ? padded : styled(cell.style, padded)
      })
      .join('  ')
      .trimEnd()
  const titles = title === undefined ? [] : [styled('bold', title)]
  return [...titles, styled('dim', lineOf(heads)), ...rows.map(lineOf)].join('\n')
}

function textOf(cell: Cell): string {
  return typeof cell === 'string' ? cell : cell.text
}
