import { buildSchema } from 'graphql'
import type { Post } from './generated/prisma/client.js'
import type { Loaders } from './loaders.js'
import { prisma } from './prisma.js'

export const schema = buildSchema(`
  type User {
    id: Int!
    name: String!
  }
  type Post {
    id: Int!
    title: String!
    author: User!
  }
  type Stats {
    hits: Int!
    misses: Int!
  }
  type Query {
    user(id: Int!): User
    posts: [Post!]!
    stats: Stats!
  }
  type Mutation {
    rename(id: Int!, name: String!): User!
  }
`)

export interface Context {
  readonly loaders: Loaders
}

const withAuthor = (post: Post) => ({
  ...post,
  author: (_: object, { loaders }: Context) => loaders.users.load(post.authorId),
})

export const rootValue = {
  user: ({ id }: { id: number }, { loaders }: Context) => loaders.users.load(id),
  posts: async () => (await prisma.post.findMany({ orderBy: { id: 'asc' } })).map(withAuthor),
  stats: () => prisma.$cache.stats(),
  rename: ({ id, name }: { id: number; name: string }) => prisma.user.update({ where: { id }, data: { name } }),
}
