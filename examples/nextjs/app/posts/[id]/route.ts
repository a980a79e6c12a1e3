import { prisma } from '@/lib/prisma'

interface Context {
  params: Promise<{ id: string }>
}

export async function GET(_request: Request, { params }: Context) {
  const post = await prisma.post.findUnique({ where: { id: Number((await params).id) }, include: { author: true } })
  return post === null ? new Response(null, { status: 404 }) : Response.json(post)
}
