/**
 * `npm run pictures`: the pictures in docs/observing.md, of a small service under load for a minute and a half: the dashboard, each of
 * its queries put to a real Prometheus and drawn by us (Grafana draws them its own way), and what `top` shows in a terminal.
 */
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { PrismaPg } from '@prisma/adapter-pg'
import { Redis } from 'ioredis'
import { Registry } from 'prom-client'
import { PrismaClient } from '../generated/prisma/client.js'
import { cacheAside } from '../src/index.js'
import { prometheus } from '../src/observe/prometheus.js'
import { applyMigrations, createDatabase, dropDatabase } from '../test/support/database.js'
import { startPrometheus } from '../test/support/prometheus-server.js'
import { startServers } from '../test/support/servers.js'

const DOCS = fileURLToPath(new URL('../docs/', import.meta.url))
const ROOT = fileURLToPath(new URL('..', import.meta.url))
const SECONDS = 90
const USERS = 200

const COLOURS: Record<string, string> = { '31': '#f85149', '32': '#3fb950', '33': '#d29922', '2': '#8b949e' }
const PALETTE = ['#73bf69', '#f2cc0c', '#8ab8ff', '#ff780a', '#f2495c', '#b877d9', '#5794f2', '#96d98d']
/** What a terminal takes for a change of colour. */
const STYLE = new RegExp(String.raw`(\u001B\[\d+m)`)

const servers = await startServers()
const name = `pictures_${process.pid}`
const databaseUrl = await createDatabase(servers.databaseUrl, name)
await applyMigrations(databaseUrl)
const redis = new Redis(servers.redisUrl)
const base = new PrismaClient({ adapter: new PrismaPg({ connectionString: databaseUrl }) })
const prisma = base.$extends(
  cacheAside({
    redis,
    prefix: `${name}:`,
    models: { User: '5m', Post: { ttl: '5m', queries: true } },
    probe: { rate: 0.01 },
  }),
)
const register = new Registry()
prometheus(prisma.$cache, { register })
const scraped = createServer((_, response) => {
  void register.metrics().then(text => response.setHeader('content-type', register.contentType).end(text))
}).listen(0, '127.0.0.1')
await once(scraped, 'listening')
const started = await startPrometheus((scraped.address() as AddressInfo).port)
if (!started.found) throw new Error(`The dashboard needs a Prometheus: ${started.why}`)
const { server } = started

const end = new AbortController()
const loading = load(end.signal)
try {
  const began = Date.now()
  await sleep(SECONDS * 500)
  writeFileSync(`${DOCS}plots/top.svg`, terminalPicture(await topScreen()))
  await sleep(began + SECONDS * 1000 - Date.now())
  writeFileSync(`${DOCS}plots/dashboard.svg`, await dashboardPicture(began / 1000, Date.now() / 1000))
} finally {
  end.abort()
  await loading
  await server.stop()
  scraped.close()
  await prisma.$cache.close()
  await base.$disconnect()
  redis.disconnect()
  await dropDatabase(servers.databaseUrl, name)
  await servers.stop()
}

/** Some are read more than others; one in fifty requests writes; once in a while something is written by the thousand. */
async function load(signal: AbortSignal): Promise<void> {
  for (let i = 1; i <= USERS; i++) {
    await prisma.user.create({
      data: { id: i, email: `user${i}@example.com`, name: `User ${i}`, posts: { create: { title: `Post of ${i}` } } },
    })
  }
  const worker = async () => {
    for (let n = 0; !signal.aborted; n++) {
      const id = 1 + Math.floor(Math.random() ** 3 * USERS)
      await prisma.user.findUnique({ where: { id } })
      if (n % 3 === 0) await prisma.post.findMany({ where: { authorId: id } })
      if (n % 10 === 0)
        await prisma.user.findUnique({ where: { email: `user${id}@example.com` }, include: { posts: true } })
      if (n % 20 === 0) await prisma.user.findMany({ take: 5 })
      if (n % 50 === 0) await prisma.user.update({ where: { id }, data: { name: `User ${id}, ${n}` } })
      await sleep(8)
    }
  }
  const bulk = async () => {
    while (!signal.aborted) {
      await sleep(20_000, undefined, { signal }).catch(() => undefined)
      await prisma.post.updateMany({ data: { views: { increment: 1 } } })
    }
  }
  await Promise.all([worker(), worker(), worker(), worker(), bulk()])
}

// ---- top

/** What is on the screen of a terminal of 80 columns, once there are numbers. */
async function topScreen(): Promise<string> {
  execFileSync('node', ['scripts/build.mjs'], { cwd: ROOT })
  const top = `stty cols 80 rows 24; exec node dist/esm/cli/main.js top --prefix ${name}: --schema prisma/schema.prisma`
  const child = spawn('script', ['-qec', top, '/dev/null'], {
    cwd: ROOT,
    env: { ...process.env, REDIS_URL: servers.redisUrl, DATABASE_URL: '', TERM: 'xterm' },
  })
  let shown = ''
  child.stdout.on('data', (data: Buffer) => (shown += data.toString()))
  await sleep(18_000)
  child.stdin.write('q')
  await once(child, 'close')
  const screens = shown.split('\u001B[H').filter(screen => screen.includes('Hottest'))
  const last = screens.at(-1)
  if (last === undefined) throw new Error(`top has shown nothing: ${shown}`)
  return (last.split('\u001B[J')[0] as string).replaceAll(`${name}:`, 'app:')
}

function terminalPicture(screen: string): string {
  const rows = screen.replaceAll('\u001B[K', '').split(/\r?\n/)
  const texts = rows.map((row, i) => {
    let style = ''
    const spans = row.split(STYLE).map(part => {
      const code = /^.\[(\d+)m$/.exec(part)?.[1]
      if (code === undefined) return part === '' ? '' : `<tspan${style}>${escaped(part)}</tspan>`
      style = code === '1' ? ' font-weight="bold"' : COLOURS[code] === undefined ? '' : ` fill="${COLOURS[code]}"`
      return ''
    })
    return `<text x="14" y="${26 + i * 18}" xml:space="preserve">${spans.join('')}</text>`
  })
  const height = 26 + rows.length * 18
  return `<svg xmlns="http://www.w3.org/2000/svg" width="700" height="${height}" viewBox="0 0 700 ${height}">
<rect width="700" height="${height}" rx="6" fill="#0d1117"/>
<g font-family="ui-monospace, Menlo, Consolas, monospace" font-size="13" fill="#e6edf3">
${texts.join('\n')}
</g></svg>\n`
}

// ---- dashboard

interface Panel {
  readonly type: string
  readonly title: string
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number }
  readonly targets: readonly { readonly expr: string; readonly legendFormat?: string }[]
  readonly fieldConfig?: { readonly defaults?: { readonly unit?: string } }
}

interface Series {
  readonly name: string
  readonly points: readonly (readonly [time: number, value: number])[]
}

async function dashboardPicture(from: number, to: number): Promise<string> {
  const { panels } = JSON.parse(readFileSync(`${DOCS}dashboard.json`, 'utf8')) as { panels: readonly Panel[] }
  const [column, row] = [46, 26]
  const drawn = await Promise.all(
    panels.map(async panel => {
      const series = (await Promise.all(panel.targets.map(async target => seriesOf(target, from + 10, to)))).flat()
      const { x, y, w, h } = panel.gridPos
      const [width, height] = [w * column - 8, h * row - 8]
      const body =
        panel.type === 'stat' ? stat(panel, series, width, height) : plot(panel, series, from + 10, to, width, height)
      return `<g transform="translate(${x * column}, ${y * row})"><rect class="panel" width="${width}" height="${height}" rx="4"/><text class="title" x="10" y="18">${escaped(panel.title)}</text>${body}</g>`
    }),
  )
  const height = Math.max(...panels.map(({ gridPos: { y, h } }) => (y + h) * row))
  return `<svg xmlns="http://www.w3.org/2000/svg" width="1104" height="${height}" viewBox="-4 -4 1112 ${height}">
<style>
  svg { background: #111217 } text { font: 11px system-ui, sans-serif; fill: #ccccdc } .title { font-weight: 600 }
  .panel { fill: #181b1f; stroke: #2c3036 } .axis { stroke: #2c3036 } .big { font: 600 26px system-ui, sans-serif }
</style>
<rect x="-4" y="-4" width="1112" height="${height + 8}" fill="#111217"/>
${drawn.join('\n')}
</svg>\n`
}

async function seriesOf(
  { expr, legendFormat = '' }: Panel['targets'][number],
  from: number,
  to: number,
): Promise<Series[]> {
  const url = new URL('/api/v1/query_range', server.url)
  const query = expr.replaceAll('$__rate_interval', '10s')
  for (const [key, value] of Object.entries({ query, start: from, end: to, step: 2 }))
    url.searchParams.set(key, String(value))
  const { data } = (await (await fetch(url)).json()) as {
    data: { result: { metric: Record<string, string>; values: [number, string][] }[] }
  }
  return data.result.map(({ metric, values }) => ({
    name: legendFormat.replaceAll(/\{\{(\w+)\}\}/g, (_, label: string) => metric[label] ?? ''),
    points: values.map(([time, value]) => [time, Number(value)] as const).filter(([, value]) => Number.isFinite(value)),
  }))
}

function stat({ fieldConfig }: Panel, series: readonly Series[], width: number, height: number): string {
  const value = series.reduce((sum, { points }) => sum + (points.at(-1)?.[1] ?? 0), 0)
  return `<text class="big" x="${width / 2}" y="${height / 2 + 18}" text-anchor="middle" style="fill: #73bf69">${numberText(value, fieldConfig?.defaults?.unit)}</text>`
}

function plot(
  { fieldConfig }: Panel,
  series: readonly Series[],
  from: number,
  to: number,
  width: number,
  height: number,
): string {
  const unit = fieldConfig?.defaults?.unit
  const most = Math.max(1e-9, ...series.flatMap(({ points }) => points.map(([, value]) => value)))
  const [left, top, right, bottom] = [52, 30, width - 10, height - 34]
  const x = (time: number) => left + ((time - from) / (to - from)) * (right - left)
  const y = (value: number) => bottom - (value / most) * (bottom - top)
  const axes = [0, most / 2, most].map(
    value =>
      `<line class="axis" x1="${left}" x2="${right}" y1="${y(value).toFixed(1)}" y2="${y(value).toFixed(1)}"/><text x="${left - 6}" y="${(y(value) + 4).toFixed(1)}" text-anchor="end">${numberText(value, unit)}</text>`,
  )
  const lines = series.map(
    ({ points }, i) =>
      `<polyline fill="none" stroke="${PALETTE[i % PALETTE.length]}" stroke-width="1.5" points="${points.map(([time, value]) => `${x(time).toFixed(1)},${y(value).toFixed(1)}`).join(' ')}"/>`,
  )
  let at = left
  const legend = series.slice(0, 6).map(({ name: label }, i) => {
    const text = label.length > 40 ? `${label.slice(0, 39)}…` : label
    const placed = `<rect x="${at}" y="${height - 17}" width="10" height="3" fill="${PALETTE[i % PALETTE.length]}"/><text x="${at + 14}" y="${height - 12}">${escaped(text)}</text>`
    at += 26 + text.length * 6
    return placed
  })
  return [...axes, ...lines, ...legend].join('')
}

function numberText(value: number, unit: string | undefined): string {
  if (unit === 'percentunit') return `${(value * 100).toFixed(0)} %`
  if (unit === 's') return value < 0.001 ? `${(value * 1e6).toFixed(0)} µs` : `${(value * 1000).toFixed(1)} ms`
  const short =
    value >= 1000
      ? `${(value / 1000).toFixed(1)} k`
      : value >= 10 || Number.isInteger(value)
        ? value.toFixed(0)
        : value.toFixed(1)
  return unit === 'Bps' ? `${short}B/s` : unit === 'reqps' || unit === 'wps' ? `${short}/s` : short
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;')
}
process.exit()
