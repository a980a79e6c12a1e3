import { createServer } from 'node:http'
import { createHandler } from 'graphql-http/lib/use/http'
import { newLoaders } from './loaders.js'
import { prisma } from './prisma.js'
import { rootValue, schema } from './schema.js'

const handler = createHandler({ schema, rootValue, context: () => ({ loaders: newLoaders() }) })

const server = createServer((request, response) => void handler(request, response))
server.listen(Number(process.env.PORT ?? 4000), '127.0.0.1', () => {
  console.log('listening on', `http://127.0.0.1:${process.env.PORT ?? 4000}/`)
})

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => {
    // First the requests, then the connections. Nothing keeps the process alive after that.
    server.close(() => void prisma.$disconnect())
    server.closeIdleConnections()
  })
}
