// What is checked in every row, in both module formats and with both of Prisma's generators: written without syntax or packages
// that a row might not have. Everything that differs between the formats is passed in.
const assert = require('node:assert/strict')

const MODELS = { User: { ttl: 300 }, Post: { queries: true }, Product: { queries: true }, Tag: true }

module.exports = async function check({ PrismaClient, Prisma, PrismaPg, Redis, cacheAside, CacheAsideError, urls }) {
  const prefix = `matrix:${process.pid}:${Date.now()}:`
  const ends = []
  const newPlain = () => {
    const client = new PrismaClient({ adapter: new PrismaPg({ connectionString: urls.database }) })
    ends.push(() => client.$disconnect())
    return client
  }
  const process1 = options => {
    const redis = new Redis(urls.redis)
    const extension = cacheAside({
      redis,
      models: MODELS,
      prefix,
      deadlineMs: 10000,
      invalidationDeadlineMs: 10000,
      ...options,
    })
    const prisma = newPlain().$extends(extension)
    ends.push(async () => {
      await prisma.$cache.close()
      redis.disconnect()
    })
    return { prisma, redis }
  }
  const plain = newPlain()
  const [one, two] = [process1(), process1()]
  const readers = [one, two]
  const flushed = async () => {
    await new Promise(resolve => setImmediate(resolve))
    await Promise.all(readers.map(({ redis }) => redis.ping()))
  }
  let made = 0
  const email = () => `${prefix}${++made}@x.org`
  const newUser = () => plain.user.create({ data: { email: email() } })
  /** Reads twice, through both processes: the second answer of each has to be a hit, and all of them Prisma's. */
  const cached = async read => {
    const truth = await read(plain)
    for (const { prisma } of readers) {
      assert.deepEqual(await read(prisma), truth)
      await flushed()
      const { hits } = prisma.$cache.stats()
      assert.deepEqual(await read(prisma), truth)
      assert.equal(prisma.$cache.stats().hits, hits + 1, 'the second read is no hit')
    }
    return truth
  }
  /** After it, both processes read what the database has. */
  const invalidates = async (read, write) => {
    await cached(read)
    await write(one.prisma)
    const truth = await read(plain)
    for (const { prisma } of readers) assert.deepEqual(await read(prisma), truth)
    await flushed()
    await cached(read)
  }
  const noHold = async () => assert.deepEqual((await one.redis.keys(`${prefix}*@hold*`)).length, 0, 'a hold is set')

  const checks = {
    'a row is a miss, then a hit': async () => {
      const { id } = await newUser()
      await cached(db => db.user.findUnique({ where: { id } }))
      assert.equal(await one.redis.exists(`${prefix}User:${id}`), 1)
    },
    'a row by another unique key': async () => {
      const user = await newUser()
      await cached(db => db.user.findUnique({ where: { email: user.email } }))
    },
    'no row is remembered': async () => cached(db => db.user.findUnique({ where: { id: 2_000_000_000 } })),
    'selected fields': async () => {
      const { id } = await newUser()
      await cached(db => db.user.findUnique({ where: { id }, select: { email: true } }))
    },
    'an update': async () => {
      const { id } = await newUser()
      await invalidates(
        db => db.user.findUnique({ where: { id } }),
        db => db.user.update({ where: { id }, data: { name: 'Ada' } }),
      )
      await noHold()
    },
    'an updateMany': async () => {
      const { id } = await newUser()
      await invalidates(
        db => db.user.findUnique({ where: { id } }),
        db => db.user.updateMany({ where: { id }, data: { name: 'Ada' } }),
      )
    },
    'an upsert': async () => {
      const { id } = await newUser()
      const name = 'Grace'
      await invalidates(
        db => db.user.findUnique({ where: { id } }),
        db => db.user.upsert({ where: { id }, update: { name }, create: { email: email() } }),
      )
    },
    'a delete': async () => {
      const { id } = await newUser()
      await invalidates(
        db => db.user.findUnique({ where: { id } }),
        db => db.user.delete({ where: { id } }),
      )
    },
    'raw SQL': async () => {
      const { id } = await newUser()
      await invalidates(
        db => db.user.findUnique({ where: { id } }),
        db => db.$executeRaw`UPDATE "User" SET "name" = 'raw' WHERE "id" = ${id}`,
      )
    },
    'an interactive transaction that commits, and leaves no hold behind': async () => {
      const { id } = await newUser()
      await invalidates(
        db => db.user.findUnique({ where: { id } }),
        db =>
          db.$transaction(async tx => {
            await tx.user.update({ where: { id }, data: { name: 'in a transaction' } })
            assert.equal((await tx.user.findUnique({ where: { id } })).name, 'in a transaction')
          }),
      )
      await noHold()
    },
    'an interactive transaction that is rolled back, and leaves no hold behind': async () => {
      const { id } = await newUser()
      await invalidates(
        db => db.user.findUnique({ where: { id } }),
        async db => {
          const rolledBack = db.$transaction(async tx => {
            await tx.user.update({ where: { id }, data: { name: 'never' } })
            throw new Error('rolled back')
          })
          await assert.rejects(rolledBack, /rolled back/)
        },
      )
      await noHold()
    },
    'a transaction in a transaction, where Prisma has them': async () => {
      const { id } = await newUser()
      const read = db => db.user.findUnique({ where: { id } })
      await invalidates(read, db =>
        db.$transaction(async tx => {
          if (tx.$transaction === undefined) return tx.user.update({ where: { id }, data: { name: 'flat' } })
          return tx.$transaction(inner => inner.user.update({ where: { id }, data: { name: 'nested' } }))
        }),
      )
      await noHold()
    },
    'a batch transaction': async () => {
      const { id } = await newUser()
      await invalidates(
        db => db.user.findUnique({ where: { id } }),
        async db => {
          const [found, updated] = await db.$transaction([
            db.user.findUnique({ where: { id } }),
            db.user.update({ where: { id }, data: { name: 'in a batch' } }),
          ])
          assert.deepEqual([found.name, updated.name], [null, 'in a batch'])
        },
      )
      await noHold()
    },
    'values of all types, and decimals of the class of the client': async () => {
      const data = {
        sku: `m-${process.pid}-${++made}`,
        model: `m${Date.now()}`,
        name: 'all types',
        price: '12.50',
        weight: new Prisma.Decimal('0.125'),
        rating: 4.5,
        unitsSold: 9007199254740993n,
        attributes: { nested: [1, null, { a: 'b' }] },
        thumbnail: new Uint8Array([0, 255, 7]),
        keywords: ['a', 'b'],
        sizes: [1, 2],
        releasedOn: new Date('2026-01-02T00:00:00Z'),
        availableFrom: new Date('2026-01-02T03:04:05.678Z'),
      }
      const { id } = await plain.product.create({ data })
      const row = await cached(db => db.product.findUnique({ where: { id } }))
      const hit = await one.prisma.product.findUnique({ where: { id } })
      for (const { price, weight } of [row, hit]) {
        assert.ok(price instanceof Prisma.Decimal && weight instanceof Prisma.Decimal)
      }
      await plain.product.delete({ where: { id } })
    },
    'DbNull, JsonNull and AnyNull are told apart': async () => {
      const base = { model: `n${Date.now()}`, name: 'null', price: 1 }
      const kinds = [
        ['DbNull', Prisma.DbNull],
        ['JsonNull', Prisma.JsonNull],
      ]
      for (const [name, value] of kinds) {
        const sku = `${name}-${process.pid}-${++made}`
        await one.prisma.product.create({
          data: { ...base, sku, model: base.model + name, attributes: {}, datasheet: value },
        })
      }
      const counts = []
      for (const value of [Prisma.DbNull, Prisma.JsonNull, Prisma.AnyNull]) {
        // A column of type json has no equality: `attributes` is jsonb.
        const where = { model: { startsWith: base.model }, NOT: { attributes: { equals: value } } }
        counts.push(await cached(db => db.product.count({ where })))
        assert.equal(one.prisma.$cache.explain('Product', 'count', { where }).cached, true)
      }
      assert.deepEqual(counts, [2, 2, 2])
      await one.prisma.product.deleteMany({ where: { model: { startsWith: base.model } } })
    },
    'lists and numbers, and what a create adds to them': async () => {
      const { id } = await newUser()
      const where = { authorId: id }
      const create = title => db => db.post.create({ data: { title, authorId: id } })
      await invalidates(db => db.post.findMany({ where, orderBy: { id: 'asc' } }), create('first'))
      await invalidates(db => db.post.count({ where }), create('second'))
    },
    'a row with its relations': async () => {
      const { id } = await newUser()
      const read = db => db.user.findUnique({ where: { id }, include: { posts: { orderBy: { id: 'asc' } } } })
      await invalidates(read, db => db.post.create({ data: { title: 'related', authorId: id } }))
      await invalidates(read, db =>
        db.user.update({ where: { id }, data: { posts: { updateMany: { where: {}, data: { title: 'new' } } } } }),
      )
    },
    'a fluent call answers the relation, and the row behind it stays whole': async () => {
      const { id } = await newUser()
      await plain.post.create({ data: { title: 'fluent', authorId: id } })
      for (const { prisma } of readers) {
        for (let i = 0; i < 2; i++) {
          assert.deepEqual(
            await prisma.user.findUnique({ where: { id } }).posts(),
            await plain.post.findMany({ where: { authorId: id } }),
          )
        }
      }
      await cached(db => db.user.findUnique({ where: { id } }))
    },
    'the error of an …OrThrow is Prisma’s': async () => {
      const read = db => db.user.findUniqueOrThrow({ where: { id: 2_000_000_001 } })
      const errorOf = async db =>
        read(db).then(
          () => undefined,
          error => error,
        )
      const truth = await errorOf(plain)
      for (let i = 0; i < 2; i++) {
        const error = await errorOf(one.prisma)
        assert.deepEqual([error.name, error.code, error.meta], [truth.name, truth.code, truth.meta])
        assert.ok(error instanceof Prisma.PrismaClientKnownRequestError)
      }
    },
    'lookups of one tick': async () => {
      const users = [await newUser(), await newUser(), await newUser()]
      const read = db => Promise.all(users.map(({ id }) => db.user.findUnique({ where: { id } })))
      const { hits } = one.prisma.$cache.stats()
      assert.deepEqual(await read(one.prisma), await read(plain))
      await flushed()
      assert.deepEqual(await read(one.prisma), await read(plain))
      assert.equal(one.prisma.$cache.stats().hits, hits + 3)
    },
    'getOrSet, invalidate and explain': async () => {
      const { id } = await newUser()
      const key = `k${++made}`
      for (let i = 0; i < 2; i++) assert.equal(await one.prisma.$cache.getOrSet(key, () => 41 + ++i), 42)
      await cached(db => db.user.findUnique({ where: { id } }))
      await plain.user.update({ where: { id }, data: { name: 'by another program' } })
      assert.equal(await one.prisma.$cache.invalidate('User', { id }), 'done')
      await cached(db => db.user.findUnique({ where: { id } }))
      assert.equal(one.prisma.$cache.explain('User', 'findUnique', { where: { id } }).cached, true)
    },
    'extensions before and behind it': async () => {
      const { id } = await newUser()
      let seen = 0
      const before = newPlain().$extends({
        query: { user: { findUnique: ({ args, query }) => (seen++, query(args)) } },
      })
      const redis = new Redis(urls.redis)
      const stacked = before.$extends(cacheAside({ redis, models: MODELS, prefix, deadlineMs: 10000 }))
      const computed = stacked.$extends({
        result: { user: { shout: { needs: { email: true }, compute: user => `${user.email}!` } } },
      })
      for (let i = 0; i < 2; i++) {
        const user = await computed.user.findUnique({ where: { id } })
        assert.equal(user.shout, `${user.email}!`)
      }
      assert.equal(seen, 2)
      await computed.$cache.close()
      redis.disconnect()
    },
    'a client that is none is refused by its name': async () => {
      assert.throws(
        () => cacheAside({ redis: one.redis, models: {} })({ $extends() {} }),
        error => error instanceof CacheAsideError && error.code === 'UNSUPPORTED_CLIENT',
      )
    },
  }

  const failed = []
  for (const [name, run] of Object.entries(checks)) {
    try {
      await run()
    } catch (error) {
      failed.push(`${name}: ${error instanceof Error ? error.stack : String(error)}`)
    }
  }
  const { pendingInvalidations, errors } = one.prisma.$cache.stats()
  if (pendingInvalidations !== 0 || errors !== 0)
    failed.push(`${pendingInvalidations} pending, ${errors} errors at the end`)
  for (const end of ends.toReversed()) await end()
  return { passed: Object.keys(checks).length - failed.length, failed }
}
