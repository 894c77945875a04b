/** The numbers of a table whose rows have more than a number: what an enumeration on the wire needs of it. */
export function numbersOf<N extends string>(
  table: Readonly<Record<N, { readonly number: number }>>,
): Readonly<Record<N, number>> {
  const rows = Object.entries(table) as [N, { readonly number: number }][]
  return Object.fromEntries(rows.map(([name, { number }]) => [name, number])) as Record<N, number>
}
