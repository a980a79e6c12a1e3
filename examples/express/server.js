const { app } = require('./app.js')
const { prisma } = require('./prisma.js')

const server = app.listen(process.env.PORT ?? 3000, () => {
  console.log(`listening on http://127.0.0.1:${server.address().port}`)
})

for (const signal of ['SIGINT', 'SIGTERM']) {
  process.once(signal, () => {
    // First the requests, then the connections. Nothing keeps the process alive after that.
    server.close(() => prisma.$disconnect())
    server.closeIdleConnections()
  })
}
