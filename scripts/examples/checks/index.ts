import type { Lab } from '../lab.js'
import { check as graphqlDataloader } from './graphql-dataloader.js'
import { check as nextjs } from './nextjs.js'
import { endsBySigterm, serve, usersAndPosts } from './over-http.js'
import { runTests } from './tests.js'

async function overHttp(lab: Lab): Promise<void> {
  const served = await serve(lab)
  await usersAndPosts(lab, served)
  await endsBySigterm(lab, served.app)
}

/** By the name of the folder in `examples/`. */
export const checks: Readonly<Record<string, (lab: Lab) => Promise<void>>> = {
  nextjs,
  fastify: overHttp,
  nestjs: overHttp,
  express: overHttp,
  'graphql-dataloader': graphqlDataloader,
  jest: lab => runTests(lab, /Tests: +4 passed, 4 total/),
  vitest: lab => runTests(lab, /Tests +4 passed \(4\)/),
}
