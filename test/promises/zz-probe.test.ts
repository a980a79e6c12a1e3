import { afterAll, it } from 'vitest'
import { createWorld } from '../support/world.js'
import { smallWorld, ALL, dbOf } from '../support/readings.js'
it('probe', async () => {
  const world = await createWorld()
  try {
    await smallWorld(world)
    const p = world.plain
    const show = (n: string, v: any) => console.log(n, JSON.stringify(v))
    const cur = { cursor: { id: 2 }, orderBy: { id: 'asc' as const }, select: { id: true } }
    show('select', await p.user.findUnique({ where: { id: 2 }, select: { posts: cur } }))
    show('include', await p.user.findUnique({ where: { id: 2 }, include: { posts: cur } }))
    show('fluent', await p.user.findUnique({ where: { id: 2 } }).posts(cur))
    show('findMany', await p.user.findMany({ where: { id: 2 }, include: { posts: cur } }))
    show('findMany both', await p.user.findMany({ include: { posts: cur } }))
    show(
      'batched',
      await Promise.all([1, 2, 3].map(id => p.user.findUnique({ where: { id }, select: { posts: cur } }))),
    )
    show(
      'batched incl',
      await Promise.all([1, 2, 3].map(id => p.user.findUnique({ where: { id }, include: { posts: cur } }))),
    )
    const t1 = { take: 1, orderBy: { id: 'asc' as const }, select: { id: true } }
    show(
      'take1 batched',
      await Promise.all([1, 2, 3].map(id => p.user.findUnique({ where: { id }, select: { posts: t1 } }))),
    )
    show(
      'skip batched',
      await Promise.all(
        [1, 2, 3].map(id =>
          p.user.findUnique({ where: { id }, select: { posts: { ...t1, take: undefined, skip: 1 } } }),
        ),
      ),
    )
    const d = { distinct: ['published' as const], orderBy: { id: 'asc' as const }, select: { id: true } }
    show(
      'distinct batched',
      await Promise.all([1, 2, 3].map(id => p.user.findUnique({ where: { id }, select: { posts: d } }))),
    )
    show('distinct single', await p.user.findUnique({ where: { id: 2 }, select: { posts: d } }))
    const d2 = { distinct: ['views' as const], orderBy: { id: 'asc' as const }, select: { id: true } }
    show(
      'distinct views batched',
      await Promise.all([1, 2, 3].map(id => p.user.findUnique({ where: { id }, select: { posts: d2 } }))),
    )
    const c = world.process({ models: ALL })
    const db = dbOf(c)
    show('cached sel', await db.user.findUnique({ where: { id: 2 }, select: { posts: cur } }))
    console.log(c.sql.splice(0).join('\n'))
    await world.evict()
    show('cached incl', await db.user.findUnique({ where: { id: 2 }, include: { posts: cur } }))
    console.log(c.sql.splice(0).join('\n'))
    await world.evict()
    show(
      'cached batch',
      await Promise.all([1, 2, 3].map(id => db.user.findUnique({ where: { id }, select: { posts: cur } }))),
    )
    console.log(c.sql.splice(0).join('\n'))
  } finally {
    await world.close()
  }
})
