import fastify from 'fastify'
import { prismaPlugin } from './plugins/prisma.js'

const byId = {
  schema: { params: { type: 'object', properties: { id: { type: 'integer' } }, required: ['id'] } },
} as const

interface ById {
  Params: { id: number }
}

export function buildApp() {
  const app = fastify()
  app.register(prismaPlugin)

  app.get<ById>('/users/:id', byId, async ({ params: { id } }, reply) => {
    const user = await app.prisma.user.findUnique({ where: { id } })
    return user ?? reply.code(404).send({ error: 'no such user' })
  })

  app.get<ById>('/posts/:id', byId, async ({ params: { id } }, reply) => {
    const post = await app.prisma.post.findUnique({ where: { id }, include: { author: true } })
    return post ?? reply.code(404).send({ error: 'no such post' })
  })

  app.patch<ById & { Body: { name: string } }>('/users/:id', byId, ({ params: { id }, body: { name } }) =>
    app.prisma.user.update({ where: { id }, data: { name } }),
  )

  return app
}
