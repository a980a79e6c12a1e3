/** Several writes at once: in transactions of all kinds, and side by side. */
import type { Dice } from '../dice.js'
import { space, subjects } from '../space.js'
import { nested } from './nested.js'
import { single } from './single.js'
import { type Body, call, type Statement, type Ways, type Write } from './write.js'

const { users, posts, tags, tagNames } = space
const withPlain = subjects.filter(subject => Object.keys(subject.plain).length > 0)

const easyTexts = [
  `UPDATE "User" SET "name" = coalesce("name", '') || '!' WHERE "id" IN (1, 3)`,
  `INSERT INTO "Tag" ("id", "name") VALUES ('t:3', 'n3') ON CONFLICT DO NOTHING`,
  `DELETE FROM "_PostToTag" WHERE "A" = 2`,
  `INSERT INTO "_Follows" ("A", "B") SELECT 1, "id" FROM "User" WHERE "id" = 3 ON CONFLICT DO NOTHING`,
]

/** A statement that is seldom refused, so that transactions come to their end. */
function easy(d: Dice): Statement {
  switch (d([0, 1, 2, 3, 4, 5, 6, 7])) {
    case 0:
    case 1: {
      const subject = d(withPlain)
      return call(subject.delegate, 'updateMany', { where: d.some(subject.filters), data: d.some(subject.plain) })
    }
    case 2: {
      const id = d(users)
      const update = d.some({ name: ['p', 'q', null], role: ['EDITOR', 'READER'] })
      return call('user', 'upsert', {
        where: { id },
        create: { id, email: `${id}@x.org` },
        update,
        select: { name: true },
      })
    }
    case 3:
      return call('product', 'updateMany', { where: { id: d(space.products) }, data: { stock: { increment: 1 } } })
    case 4:
      return call('post', 'deleteMany', { where: { id: d(posts) } })
    case 5:
      return call('tag', 'createMany', { data: [{ id: d(tags), name: d(tagNames) }], skipDuplicates: true })
    case 6:
      return call('post', 'updateMany', { where: { id: d(posts) }, data: { categoryId: d([1, 2, 4, null]) } })
    default:
      return { method: '$executeRawUnsafe', text: d(easyTexts) }
  }
}

/** Mostly easy ones, sometimes any. */
function any(d: Dice): Statement {
  if (d.chance(65)) return easy(d)
  const write = d(d(Object.values({ ...single, ...nested })))(d)
  return write.how === 'alone' ? write.statement : easy(d)
}

const list = (d: Dice, of = any) => Array.from({ length: d([1, 2, 3]) }, () => of(d))

/** Two users change places. */
const swap = (d: Dice): Statement[] => {
  const [a, b] = d<[number, number]>([
    [1, 2],
    [2, 3],
    [1, 3],
  ])
  const updates = d.chance(50)
    ? [
        { where: { id: a }, data: { email: 'between' } },
        { where: { id: b }, data: { email: d(['ada@x.org', 'bob@x.org', 'zoë@x.org']) } },
        { where: { id: a }, data: { email: '*?[x]%2A' } },
      ]
    : [
        { where: { id: a }, data: { id: 99 } },
        { where: { id: b }, data: { id: a } },
        { where: { id: 99 }, data: { id: b }, select: { name: true } },
      ]
  return updates.map(args => call('user', 'update', args))
}

/** The email is taken. */
const impossible = call('user', 'create', { data: { email: 'Cy+d:e@x.org' } })

const ends = ['commits', 'rolls back'] as const
const interactive = (body: Body): Write => ({ how: 'interactive', body })

export const together: Ways = {
  'batch transaction': [d => ({ how: 'batch', statements: list(d) })],
  'swap in a batch transaction': [d => ({ how: 'batch', statements: swap(d) })],
  'swap in a transaction': [d => interactive({ statements: swap(d), end: 'commits' })],
  ...Object.fromEntries(
    ends.map(end => [`transaction that ${end}`, [(d: Dice) => interactive({ statements: list(d), end })]]),
  ),
  ...Object.fromEntries(
    ends.flatMap(outer =>
      ends.map(inner => [
        `transaction that ${outer}, around one that ${inner}`,
        [
          (d: Dice) =>
            interactive({ statements: list(d, easy), nested: { statements: list(d, easy), end: inner }, end: outer }),
        ],
      ]),
    ),
  ),
  'two transactions at once': [
    d => ({
      how: 'interleaved',
      bodies: [
        { statements: list(d, easy), end: d(ends) },
        { statements: list(d, easy), end: d(ends) },
      ],
    }),
  ],
  'two writes at once': [d => ({ how: 'at once', statements: [any(d), any(d)] })],
  'transaction that swallows an error': [
    d => interactive({ statements: [...list(d, easy), impossible, ...list(d, easy)], swallows: true, end: 'commits' }),
  ],
}

export const failing: Ways = {
  'batch transaction that fails': [d => ({ how: 'batch', statements: [...list(d, easy), impossible] })],
}
