import type { Connected } from './client.js'
import { count, progress } from './terminal.js'

/** How many posts ten users in a row have: 50. */
const POSTS_OF_TEN = [20, 1, 8, 2, 0, 3, 5, 4, 1, 6]
/** Every tenth user has 20 posts, from the first on. */
export const usersWith20Posts = (many: number): number[] => Array.from({ length: many }, (_, n) => n * 10 + 1)
export const firstPosts = (many: number): number[] => Array.from({ length: many }, (_, n) => n + 1)

const batchSize = 1000

/** Fills the empty database: users are 1, 2, 3 …, and so are posts. Answers what there is then. */
export async function seed({ plain }: Connected, userCount: number): Promise<string> {
  const users = Array.from({ length: userCount }, (_, n) => ({
    email: `user${n + 1}@example.com`,
    name: `User ${n + 1}`,
    role: n % 5 === 0 ? 'EDITOR' : 'AUTHOR',
  }))
  const posts = users.flatMap((_, n) =>
    Array.from({ length: POSTS_OF_TEN[n % 10] ?? 0 }, (__, p) => ({
      authorId: n + 1,
      title: `Post ${p + 1} of user ${n + 1}`,
      slug: `post-${String(p + 1).padStart(2, '0')}`,
      body: 'Some words on caching. '.repeat(5),
      published: p % 4 !== 3,
    })),
  )
  const bar = progress('users and posts', users.length + posts.length)
  for (const [done, rows] of batches(users)) {
    await plain.$executeRaw`
      INSERT INTO "User" (email, name, role, "updatedAt") SELECT email, name, role, now()
      FROM json_populate_recordset(NULL::"User", ${rows}::json)`
    bar.at(done)
  }
  for (const [done, rows] of batches(posts)) {
    await plain.$executeRaw`
      INSERT INTO "Post" ("authorId", title, slug, body, published, "updatedAt")
      SELECT "authorId", title, slug, body, published, now()
      FROM json_populate_recordset(NULL::"Post", ${rows}::json)`
    bar.at(users.length + done)
  }
  await plain.$executeRaw`ANALYZE`
  bar.end()
  return `${count(await plain.user.count())} users and ${count(await plain.post.count())} posts`
}

/** Batches as JSON, each with the number of rows up to its end. */
function* batches(rows: readonly object[]): Generator<[done: number, json: string]> {
  for (let n = 0; n < rows.length; n += batchSize) yield [n + batchSize, JSON.stringify(rows.slice(n, n + batchSize))]
}
