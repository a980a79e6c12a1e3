/** Wrong options are an error when the feed is made: the rule, what was got, and the fix. */
import { describe, expect, it } from 'vitest'
import { changeFeed, type ChangeFeedOptions } from '../../src/feed/index.js'
import { Snapshot } from '../../src/feed/snapshot.js'
import { textOfLsn, lsnOf } from '../../src/feed/lsn.js'

const GOOD = {
  connectionString: 'postgresql://127.0.0.1:1/none',
  redis: 'redis://127.0.0.1:1',
  schema: 'prisma/schema.prisma',
}

it.each<[Partial<Record<keyof ChangeFeedOptions | 'often', unknown>>, string]>([
  [
    { connectionString: undefined },
    'give it either connectionString or connection, got undefined. Write connectionString: process.env.DATABASE_URL',
  ],
  [{ connection: {} }, 'give it either connectionString or connection, got both'],
  [
    { connectionString: 'mysql://x:secret@y/z' },
    'connectionString must be a URL of postgresql://, got one of another form',
  ],
  [{ redis: undefined }, 'redis must be a URL or an ioredis client, got undefined'],
  [
    { schema: 'nowhere.prisma' },
    'There is no Prisma schema at nowhere.prisma. Say where it is: schema: path/to/schema.prisma',
  ],
  [{ slot: 'My Slot' }, 'slot must be a name of lower-case letters, digits and _, got "My Slot"'],
  [{ heartbeatMs: 1 }, 'heartbeatMs must be a number (of milliseconds) from 50 to 60000, got 1'],
  [{ often: true }, 'there is no option named "often"'],
  [{ models: { Users: true } }, 'Users'],
  [{ prisma: {} }, 'give it either prisma or schema, got both'],
])('%j', (wrong, message) => {
  const make = () => changeFeed({ ...GOOD, ...wrong } as ChangeFeedOptions)
  expect(make).toThrow(message)
  try {
    make()
  } catch (error) {
    expect(String(error)).not.toContain('secret')
  }
})

describe('a snapshot', () => {
  it('sees what ended before it, and nothing that runs or comes later', () => {
    const snapshot = new Snapshot('100:110:103,105')
    const seen = [99, 100, 103, 104, 105, 109, 110, 200].filter(xid => snapshot.sees(xid))
    expect(seen).toEqual([99, 100, 104, 109])
  })

  it('knows ids that have wrapped around', () => {
    const wrapped = new Snapshot(`${2n ** 32n - 5n}:${2n ** 32n + 10n}:${2n ** 32n + 3n}`)
    const seen = [2 ** 32 - 6, 2 ** 32 - 2, 2, 3, 9, 10].filter(xid => wrapped.sees(xid))
    expect(seen).toEqual([2 ** 32 - 6, 2 ** 32 - 2, 2, 9])
  })
})

it('places in the WAL are read and written', () => {
  for (const text of ['0/0', '16/B374D848', 'FFFFFFFF/FFFFFFFF']) expect(textOfLsn(lsnOf(text))).toBe(text)
  expect(lsnOf('1/0') - lsnOf('0/FFFFFFFF')).toBe(1n)
})
