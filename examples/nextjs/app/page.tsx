import { connection } from 'next/server'
import { prisma } from '@/lib/prisma'

/** A server component: it reads through the cache as any other code does. */
export default async function Page() {
  await connection() // at each request, not once at build time
  const user = await prisma.user.findUnique({ where: { id: 1 } })
  return <h1>Hello, {user?.name ?? 'stranger'}</h1>
}
