import { prisma } from '@/lib/prisma'

interface Context {
  params: Promise<{ id: string }>
}

export async function GET(_request: Request, { params }: Context) {
  const user = await prisma.user.findUnique({ where: { id: Number((await params).id) } })
  return user === null ? new Response(null, { status: 404 }) : Response.json(user)
}

export async function PATCH(request: Request, { params }: Context) {
  const { name } = (await request.json()) as { name: string }
  return Response.json(await prisma.user.update({ where: { id: Number((await params).id) }, data: { name } }))
}
