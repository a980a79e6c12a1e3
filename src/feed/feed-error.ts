/** The feed can't run as it is set up. The message has the rule and the remedy. */
export class FeedError extends Error {
  override readonly name = 'FeedError'

  constructor(message: string) {
    super(`[prisma-extension-cache-aside/postgres] ${message}`)
  }
}
