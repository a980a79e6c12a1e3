/** What the command line can't do, in words for people: it is printed without a stack. */
export class Failure extends Error {
  override readonly name = 'Failure'
}
