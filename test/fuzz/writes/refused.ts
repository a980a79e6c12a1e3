/** Writes that the database refuses. */
import { space } from '../space.js'
import { alone, type Ways } from './write.js'

const { tags } = space

export const refused: Ways = {
  'refused: unique violation': [
    d => alone('user', 'update', { where: { id: d([1, 2]) }, data: { email: 'Cy+d:e@x.org', name: 'n' } }),
    d => alone('user', 'create', { data: { email: d(['ada@x.org', 'bob@x.org']) } }),
    d => alone('post', 'update', { where: { id: 2 }, data: { slug: 's1', tags: { connect: { id: d(tags) } } } }),
    // The first of them is created, and then undone.
    d =>
      alone('user', 'update', {
        where: { id: 1 },
        data: { posts: { create: [{ title: 'n' }, { id: d([1, 2]), title: 'n' }] } },
      }),
  ],
  'refused: foreign key violation': [
    d => alone('post', 'update', { where: { id: d([1, 2, 3]) }, data: { authorId: 9 } }),
    () => alone('category', 'delete', { where: { id: 1 } }),
    () => alone('user', 'delete', { where: { id: 3 } }),
    d => alone('product', 'delete', { where: { sku: d(['SKU-2', 'SKU-3']) } }),
  ],
  'refused: not found': [
    d => alone('user', 'update', { where: { id: 9 }, data: { name: d(['x', 'y']) } }),
    () => alone('post', 'delete', { where: { id: 9 } }),
    d =>
      alone('post', 'update', {
        where: { id: d([1, 2, 3]) },
        data: { tags: { connect: { id: 'none' } }, title: 'n' },
      }),
    d =>
      alone('user', 'update', {
        where: { id: d([1, 2]) },
        data: { name: 'n', posts: { update: { where: { id: 9 }, data: { title: 'n' } } } },
      }),
  ],
}
