/** What all examples that serve users and posts over HTTP are held to. */
import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Lab } from '../lab.js'
import type { App } from '../process.js'

/** The application, asked over HTTP. */
export interface Served {
  readonly app: App
  /** As JSON. */
  request: (path: string, init?: RequestInit) => Promise<unknown>
  text: (path: string, init?: RequestInit) => Promise<string>
}

export async function serve(lab: Lab, withinMs = 30_000, script = 'start'): Promise<Served> {
  const app = await lab.start(script)
  const [, base] = await app.printed(/(http:\/\/[\w.:[\]]+)/, withinMs)
  const text = async (path: string, init?: RequestInit) => {
    const response = await fetch(new URL(path, base), init)
    const body = await response.text()
    assert.equal(response.status, 200, `${path} answers ${response.status} ${body}`)
    return body
  }
  return { app, text, request: async (path, init) => JSON.parse(await text(path, init)) as unknown }
}

/**
 * Asks again until the answer took no SQL, and answers what Redis was asked then. Not always the second time: a busy machine may
 * take longer than the 50 ms that a read waits for Redis.
 */
export async function untilWarm<T>(lab: Lab, ask: () => Promise<T>): Promise<{ result: T; commands: string[][] }> {
  let last: string[] = []
  for (let attempt = 0; attempt < 20; attempt++) {
    const { result, sql, commands } = await lab.during(ask)
    if (sql.length === 0) return { result, commands }
    last = sql
    await sleep(50 * attempt)
  }
  throw new Error(`20 times in a row it took SQL: ${last.join('; ')}`)
}

export const changeName = (name: string): RequestInit => ({
  method: 'PATCH',
  headers: { 'content-type': 'application/json' },
  body: JSON.stringify({ name }),
})

/** `GET` and `PATCH /users/:id`, `GET /posts/:id` with the author. */
export async function usersAndPosts(lab: Lab, { request }: Served): Promise<void> {
  const { rows } = await lab.database.query<{ id: number }>(
    `INSERT INTO "User" ("email", "name") VALUES ('ada@x.org', 'Ada') RETURNING "id"`,
  )
  const id = rows[0]?.id ?? 0
  await lab.database.query(`INSERT INTO "Post" ("title", "authorId") VALUES ('Notes', $1)`, [id])
  const [user, post] = [`/users/${id}`, '/posts/1']
  const ada = { id, email: 'ada@x.org', name: 'Ada' }

  await lab.claim('the first request is answered from Postgres', async () => {
    const { result, sql } = await lab.during(() => request(user))
    assert.deepEqual(result, ada)
    assert.ok(sql.some(text => text.includes('"User"')))
  })
  await lab.claim('a repeated request is a hit: one MGET, no SQL', async () => {
    const { result, commands } = await untilWarm(lab, () => request(user))
    assert.deepEqual(result, ada)
    assert.deepEqual(
      commands.map(([name]) => name),
      ['mget'],
    )
  })
  await lab.claim('so is one with a relation', async () => {
    const { result } = await untilWarm(lab, () => request(post))
    assert.deepEqual(result, { id: 1, title: 'Notes', authorId: id, author: ada })
  })
  await lab.claim('a write is seen by the next request, also in the relation', async () => {
    const grace = { ...ada, name: 'Grace' }
    assert.deepEqual(await request(user, changeName('Grace')), grace)
    assert.deepEqual(await request(user), grace)
    assert.deepEqual(await request(post), { id: 1, title: 'Notes', authorId: id, author: grace })
  })
}

export async function endsBySigterm(lab: Lab, app: App): Promise<void> {
  await lab.claim('at SIGTERM it takes leave of Redis and Postgres, and ends by itself', async () => {
    // A process that a signal just kills says nothing to anybody.
    const { result: end, commands } = await lab.during(() => app.end(10_000))
    assert.ok(end.code === 0 || end.signal === 'SIGTERM', `it ended with ${end.code ?? end.signal}`)
    assert.equal(commands.at(-1)?.[0], 'quit')
    assert.equal(lab.sql.farewells, lab.sql.opened)
  })
}
