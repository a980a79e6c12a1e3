/** `npm run matrix` runs the tests with other versions of Prisma: some can't do what a test is about. */
import { Prisma } from '../../generated/prisma/client.js'

const [major = 0, minor = 0] = Prisma.prismaVersion.client.split('.').map(Number)

/** Transactions in transactions, from 7.5 on. */
export const HAS_NESTED_TRANSACTIONS = major > 7 || (major === 7 && minor >= 5)
