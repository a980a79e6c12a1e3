/** Plots as SVG, readable on a light and on a dark page. */

const STYLE = `<style>
  text { font: 13px system-ui, sans-serif; fill: #24292f }
  .small { font-size: 11px; fill: #57606a }
  .bar { fill: #8c959f } .ours { fill: #0969da } .axis { stroke: #d0d7de }
  .line { fill: none; stroke: #8c959f; stroke-width: 2 } .line.ours { stroke: #0969da; fill: none }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3 } .small { fill: #9198a1 } .axis { stroke: #3d444d }
    .bar { fill: #656c76 } .ours { fill: #4493f8 } .line { stroke: #9198a1 } .line.ours { stroke: #4493f8 }
  }
</style>`

export interface Bar {
  readonly name: string
  readonly value: number
  readonly label: string
  readonly ours: boolean
}

/** Horizontal bars, in the order given. */
export function bars(title: string, all: readonly Bar[]): string {
  const most = Math.max(...all.map(({ value }) => value))
  const [left, width, step] = [240, 380, 30]
  const rows = all.map(({ name, value, label, ours }, i) => {
    const y = 44 + i * step
    const long = Math.max(1, (value / most) * width)
    return [
      `<text x="${left - 10}" y="${y + 15}" text-anchor="end">${escaped(name)}</text>`,
      `<rect class="${ours ? 'ours' : 'bar'}" x="${left}" y="${y}" width="${long.toFixed(1)}" height="20" rx="3"/>`,
      `<text class="small" x="${(left + long + 8).toFixed(1)}" y="${y + 15}">${escaped(label)}</text>`,
    ].join('\n')
  })
  return svg(title, 720, 56 + all.length * step, rows.join('\n'))
}

export interface Line {
  readonly name: string
  readonly ours: boolean
  readonly points: readonly (readonly [x: number, y: number])[]
}

/** Lines over a logarithmic x and a logarithmic y. */
export function lines(title: string, xTitle: string, yTitle: string, all: readonly Line[]): string {
  const points = all.flatMap(line => line.points)
  const xs = [...new Set(points.map(([x]) => x))].toSorted((a, b) => a - b)
  const ys = points.map(([, y]) => y)
  const low = 10 ** Math.floor(Math.log10(Math.min(...ys)))
  const high = 10 ** Math.ceil(Math.log10(Math.max(...ys)))
  const [left, top, width, height] = [80, 50, 400, 240]
  const along = (value: number, from: number, to: number) =>
    from === to ? 0.5 : (Math.log10(value) - Math.log10(from)) / (Math.log10(to) - Math.log10(from))
  const x = (value: number) => left + along(value, xs[0] as number, xs.at(-1) as number) * width
  const y = (value: number) => top + height - along(value, low, high) * height
  const grid: string[] = []
  for (let value = low; value <= high; value *= 10) {
    grid.push(
      `<line class="axis" x1="${left}" x2="${left + width}" y1="${y(value)}" y2="${y(value)}"/>`,
      `<text class="small" x="${left - 8}" y="${y(value) + 4}" text-anchor="end">${value.toLocaleString('en')}</text>`,
    )
  }
  for (const value of xs) {
    grid.push(
      `<text class="small" x="${x(value)}" y="${top + height + 20}" text-anchor="middle">${value.toLocaleString('en')}</text>`,
    )
  }
  const drawn = all.map(({ name, ours, points: own }) => {
    const path = own.map(([a, b], i) => `${i === 0 ? 'M' : 'L'}${x(a).toFixed(1)},${y(b).toFixed(1)}`).join(' ')
    const [lastX, lastY] = own.at(-1) as readonly [number, number]
    return [
      `<path class="line${ours ? ' ours' : ''}" d="${path}"/>`,
      `<text class="small" x="${(x(lastX) + 8).toFixed(1)}" y="${(y(lastY) + 4).toFixed(1)}">${escaped(name)}</text>`,
    ].join('\n')
  })
  const titles = [
    `<text class="small" x="${left + width / 2}" y="${top + height + 40}" text-anchor="middle">${escaped(xTitle)}</text>`,
    `<text class="small" x="${left - 60}" y="${top - 12}">${escaped(yTitle)}</text>`,
  ]
  return svg(title, 720, top + height + 54, [...grid, ...drawn, ...titles].join('\n'))
}

function svg(title: string, width: number, height: number, body: string): string {
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-label="${escaped(title)}">
${STYLE}
<text x="10" y="22" font-weight="600">${escaped(title)}</text>
${body}
</svg>
`
}

function escaped(text: string): string {
  return text.replaceAll('`', '').replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;')
}
