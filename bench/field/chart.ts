import type { FieldRow } from './report.ts'
import { ofTable } from './workloads.ts'

const bar = 14
const gap = 22
const left = 130
const width = 460

/** Bars of each workload that touches the table: the rate of each server as a part of that of raw. An SVG document. */
export function drawChart(rows: readonly FieldRow[]): string {
  const parts: string[] = []
  let y = 30
  for (const workload of ofTable) {
    const shown = rows
      .filter((row) => row.workload === workload && row.server !== 'raw')
      .sort((one, other) => other.ratio - one.ratio)
    if (shown.length === 0) continue
    const most = Math.max(...shown.map(({ ratio }) => ratio))
    parts.push(text(left, y, workload, 'font-weight="bold"'))
    y += 8
    for (const { server, ratio } of shown) {
      const own = server === 'monobloc'
      parts.push(text(left - 8, y + bar - 3, server, 'text-anchor="end"'))
      parts.push(
        `<rect x="${left}" y="${y}" width="${Math.max(1, (ratio / most) * width).toFixed(1)}" height="${bar}" fill="${own ? '#2563eb' : '#9ca3af'}"/>`,
      )
      parts.push(text(left + (ratio / most) * width + 6, y + bar - 3, ratio.toFixed(2), ''))
      y += bar + 4
    }
    y += gap
  }
  const size = `width="${left + width + 60}" height="${y}"`
  return `<svg xmlns="http://www.w3.org/2000/svg" ${size} font-family="sans-serif" font-size="12">\n<rect width="100%" height="100%" fill="white"/>\n${parts.join('\n')}\n</svg>\n`
}

function text(x: number, y: number, content: string, more: string): string {
  return `<text x="${x.toFixed(1)}" y="${y}" ${more}>${content}</text>`
}
