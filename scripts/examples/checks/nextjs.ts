import assert from 'node:assert/strict'
import { appendFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Lab } from '../lab.js'
import { changeName, serve, untilWarm, usersAndPosts } from './over-http.js'

const RELOADS = 5

export async function check(lab: Lab): Promise<void> {
  const built = await serve(lab)
  await usersAndPosts(lab, built)
  await lab.claim('a page that reads through the cache has the new name', async () => {
    assert.match(await built.text('/'), /Hello, (?:<!-- -->)?Grace/)
  })
  await lab.claim('at SIGTERM Next.js ends the process by itself', async () => {
    // It exits as soon as its requests are answered, and waits for nobody to disconnect.
    const { code } = await built.app.end(10_000)
    assert.ok(code === 0 || code === 143, `it ended with ${code}`)
  })

  const { app, request } = await serve(lab, 60_000, 'dev')
  await lab.claim(
    `${RELOADS} hot reloads of lib/prisma.ts: one connection to Redis and one to Postgres, and hits go on`,
    async () => {
      const { rows } = await lab.database.query<{ id: number }>('SELECT "id" FROM "User"')
      const user = `/users/${rows[0]?.id}`
      const most = { redis: 0, sql: 0 }
      for (let n = 1; n <= RELOADS; n++) {
        await appendFile(join(lab.where.cwd, 'lib/prisma.ts'), `console.log('loaded ${n}')\n`)
        for (const until = Date.now() + 30_000; !app.output().includes(`loaded ${n}`); await sleep(100)) {
          assert.ok(Date.now() < until, `reload ${n} was not seen`)
          await request(user)
        }
        // A write needs a connection to Postgres: a client that is left over from before the reload would keep its own.
        const name = `Ada ${n}`
        await request(user, changeName(name))
        assert.equal(((await untilWarm(lab, () => request(user))).result as { name: string }).name, name)
        // What is left over from before the reload may still be closing.
        for (let i = 0; i < 50 && lab.redis.connections > 1; i++) await sleep(100)
        most.redis = Math.max(most.redis, lab.redis.connections)
        most.sql = Math.max(most.sql, lab.sql.connections)
      }
      assert.deepEqual(most, { redis: 1, sql: 1 })
    },
  )
  await app.kill()
}
