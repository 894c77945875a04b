import { styled } from './output.ts'

/** A cell: its text, and how a terminal shows it. */
export type Cell = string | { readonly text: string; readonly style: Parameters<typeof styled>[0] }

/** Columns side by side, as wide as their widest cell, two blanks between them. */
export function tableText(heads: readonly string[], rows: readonly (readonly Cell[])[]): string {
  const texts = [heads, ...rows.map(row => row.map(textOf))]
  const widths = heads.map((_, column) => Math.max(...texts.map(row => row[column]!.length)))
  const line = (cells: readonly Cell[]) =>
    cells
      .map((cell, column) => {
        const isLast = column === cells.length - 1
        const padded = isLast ? textOf(cell) : textOf(cell).padEnd(widths[column]!)
        return typeof cell === 'string' ? padded : styled(cell.style, padded)
      })
      .join('  ')
  return [line(heads), ...rows.map(line)].join('\n')
}

function textOf(cell: Cell): string {
  return typeof cell === 'string' ? cell : cell.text
}
