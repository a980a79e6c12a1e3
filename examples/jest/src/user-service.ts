import type { PrismaClient } from './generated/prisma/client'

/** Takes any client: with the cache, without it, or a transaction. */
export class UserService {
  constructor(private readonly prisma: Pick<PrismaClient, 'user' | 'post'>) {}

  async greeting(id: number): Promise<string> {
    const user = await this.prisma.user.findUnique({ where: { id } })
    return user === null ? 'Hello, stranger' : `Hello, ${user.name}`
  }

  async rename(id: number, name: string): Promise<void> {
    await this.prisma.user.update({ where: { id }, data: { name } })
  }

  async byline(postId: number): Promise<string> {
    const { title, author } = await this.prisma.post.findUniqueOrThrow({
      where: { id: postId },
      include: { author: true },
    })
    return `${title}, by ${author.name}`
  }
}
