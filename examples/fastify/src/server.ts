import { buildApp } from './app.js'

const app = buildApp()
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  // Nothing keeps the process alive once the app is closed.
  process.once(signal, () => void app.close())
}
const address = await app.listen({ port: Number(process.env.PORT ?? 3000) })
console.log(`listening on ${address}`)
