/** Runs commands, with the replies and errors of Redis. */
import { ANY, type Command, wrongCount } from './command.js'
import { connectionCommands } from './connection-commands.js'
import { keyCommands } from './key-commands.js'
import { Refusal, type Reply } from './resp.js'
import { evaluate } from './scripts.js'
import type { Session } from './server.js'

/** Runs a command. An error of the command is a reply, too. */
export function run(
  session: Session,
  [name = Buffer.alloc(0), ...words]: readonly Buffer[],
  mayUseMemory = false,
): Reply {
  const command = COMMANDS[name.toString('latin1').toLowerCase()]
  if (command === undefined) return unknown(name, words)
  const [least, most] = command.words
  if (words.length + 1 < least || words.length + 1 > most) return wrongCount(name.toString('latin1'))
  if (command.needsMemory && session.server.faults.isFull && !mayUseMemory) {
    return new Refusal("OOM command not allowed when used memory > 'maxmemory'.")
  }
  try {
    return command.run(words, session)
  } catch (error) {
    if (error instanceof Refusal) return error
    throw error
  }
}

// Without a prototype: `constructor` is no command.
const COMMANDS: Readonly<Record<string, Command>> = Object.assign(Object.create(null) as object, {
  ...keyCommands,
  ...connectionCommands,
  eval: { words: [3, ANY], run: (words, session) => evaluate(words, session, run) } satisfies Command,
})

/** How much of a name and of all arguments Redis repeats. */
const SHOWN = 128

function unknown(name: Buffer, words: readonly Buffer[]): Refusal {
  let args = ''
  for (const word of words) {
    if (args.length >= SHOWN) break
    args += `'${start(word, SHOWN - args.length)}' `
  }
  return new Refusal(`ERR unknown command '${start(name, SHOWN)}', with args beginning with: ${args}`)
}

/** As text, which ends at the first zero byte, and in one line. */
function start(word: Buffer, length: number): string {
  const [text = ''] = word.toString('latin1').split('\0')
  return text.slice(0, length).replace(/[\r\n]/g, ' ')
}
