const express = require('express')
const { prisma } = require('./prisma.js')

const app = express()
app.use(express.json())

app.get('/users/:id', async (request, response) => {
  const user = await prisma.user.findUnique({ where: { id: Number(request.params.id) } })
  if (user === null) response.sendStatus(404)
  else response.json(user)
})

app.get('/posts/:id', async (request, response) => {
  const post = await prisma.post.findUnique({ where: { id: Number(request.params.id) }, include: { author: true } })
  if (post === null) response.sendStatus(404)
  else response.json(post)
})

app.patch('/users/:id', async (request, response) => {
  const { name } = request.body
  response.json(await prisma.user.update({ where: { id: Number(request.params.id) }, data: { name } }))
})

exports.app = app
