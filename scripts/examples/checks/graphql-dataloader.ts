import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import { isDeepStrictEqual } from 'node:util'
import type { Lab } from '../lab.js'
import { endsBySigterm, serve, untilWarm } from './over-http.js'

interface User {
  readonly id: number
  readonly name: string
}

interface Answer {
  readonly posts: readonly { readonly author: User }[]
  readonly stats: { readonly hits: number; readonly misses: number }
  readonly rename: User
}

/** Fifty posts by fifty users: the query asks for fifty authors. */
export async function check(lab: Lab): Promise<void> {
  await lab.database.query(
    `INSERT INTO "User" ("email", "name") SELECT n || '@x.org', 'user ' || n FROM generate_series(1, 50) n`,
  )
  await lab.database.query(
    `INSERT INTO "Post" ("title", "authorId") SELECT 'post ' || n, n FROM generate_series(1, 50) n`,
  )
  const { app, request } = await serve(lab)
  const ask = async (query: string) => {
    const body = JSON.stringify({ query })
    const headers = { 'content-type': 'application/json', accept: 'application/json' }
    const { data, errors } = (await request('/', { method: 'POST', headers, body })) as {
      data: unknown
      errors?: unknown
    }
    assert.equal(errors, undefined)
    return data
  }
  const stats = async () => ((await ask('{ stats { hits misses } }')) as Answer).stats
  const ids = Array.from({ length: 50 }, (_, n) => n + 1)
  /** 50 resolvers, of which each loads one key. */
  const fifty = async () =>
    Object.values(
      (await ask(`{ ${ids.map(id => `u${id}: user(id: ${id}) { id name }`).join(' ')} }`)) as Record<string, User>,
    )
  const users = ids.map(id => ({ id, name: `user ${id}` }))

  await lab.claim('50 posts with their authors, cold: one SELECT of posts, one of users', async () => {
    const { result, sql } = await lab.during(() => ask('{ posts { author { id name } } }'))
    assert.deepEqual(
      (result as Answer).posts,
      users.map(author => ({ author })),
    )
    for (const table of ['Post', 'User']) {
      assert.equal(sql.filter(text => text.includes(`FROM "public"."${table}"`)).length, 1, sql.join('\n'))
    }
  })
  await lab.claim('50 keys, warm: no SQL, one MGET', async () => {
    const { result, commands } = await untilWarm(lab, fifty)
    assert.deepEqual(result, users)
    assert.deepEqual(
      commands.map(([name]) => name),
      ['mget'],
    )
    assert.ok(ids.every(id => commands[0]?.includes(`User:${id}`)))
  })
  await lab.claim('one of the rows updated: one row is loaded, 49 are hits', async () => {
    // Again, where a read has waited longer for Redis than 50 ms, on a busy machine.
    for (let attempt = 0; ; attempt++) {
      await untilWarm(lab, fifty)
      const ada = { id: 7, name: `Ada ${attempt}` }
      assert.deepEqual(await ask(`mutation { rename(id: 7, name: "${ada.name}") { id name } }`), { rename: ada })
      const before = await stats()
      const { result, sql } = await lab.during(fifty)
      const after = await stats()
      assert.deepEqual(
        result,
        users.map(user => (user.id === 7 ? ada : user)),
      )
      const seen = { hits: after.hits - before.hits, misses: after.misses - before.misses, statements: sql.length }
      if (isDeepStrictEqual(seen, { hits: 49, misses: 1, statements: 1 })) break
      assert.ok(attempt < 10, `ten times in a row: ${JSON.stringify(seen)}`)
      await sleep(50 * attempt)
    }
  })
  await endsBySigterm(lab, app)
}
