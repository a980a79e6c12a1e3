/** The protocol of Redis, as far as a server needs it: reads commands, writes replies. Version 2 and 3. */

/** An error that is answered: it begins with its code. */
export class Refusal extends Error {}

/** Text is a status (`OK`), bytes are a value, a `Map` is a map in version 3 and a flat list in version 2. */
export type Reply = null | number | string | Buffer | Refusal | readonly Reply[] | ReadonlyMap<string, Reply>

export type Protocol = 2 | 3

const CRLF = Buffer.from('\r\n')

/** Clients send commands in one form only: an array of strings of bytes, each with its length. */
export class CommandReader {
  #bytes: Buffer = Buffer.alloc(0)
  #at = 0

  /** The commands that are complete with these bytes. */
  read(bytes: Buffer): Buffer[][] {
    this.#bytes = this.#bytes.length === 0 ? bytes : Buffer.concat([this.#bytes, bytes])
    const commands: Buffer[][] = []
    let end = 0
    for (let command = this.#command(); command !== undefined; command = this.#command()) {
      commands.push(command)
      end = this.#at
    }
    this.#bytes = this.#bytes.subarray(end)
    this.#at = 0
    return commands
  }

  #command(): Buffer[] | undefined {
    const count = this.#length('*')
    if (count === undefined) return undefined
    const words: Buffer[] = []
    for (let i = 0; i < count; i++) {
      const length = this.#length('$')
      if (length === undefined || this.#at + length + CRLF.length > this.#bytes.length) return undefined
      words.push(this.#bytes.subarray(this.#at, this.#at + length))
      this.#at += length + CRLF.length
    }
    return words
  }

  #length(mark: '*' | '$'): number | undefined {
    const end = this.#bytes.indexOf(CRLF, this.#at)
    if (end < 0) return undefined
    const line = this.#bytes.toString('latin1', this.#at, end)
    this.#at = end + CRLF.length
    if (!line.startsWith(mark))
      throw new Error(`Not a command of Redis: ${mark} and a length have to come, not ${line}`)
    return Number(line.slice(1))
  }
}

export function written(reply: Reply, protocol: Protocol): Buffer {
  if (reply === null) return Buffer.from(protocol === 3 ? '_\r\n' : '$-1\r\n')
  if (typeof reply === 'number') return Buffer.from(`:${reply}\r\n`)
  if (typeof reply === 'string') return Buffer.from(`+${reply}\r\n`)
  if (reply instanceof Refusal) return Buffer.from(`-${reply.message}\r\n`)
  if (reply instanceof Buffer) return Buffer.concat([Buffer.from(`$${reply.length}\r\n`), reply, CRLF])
  const [mark, size, parts] =
    reply instanceof Map
      ? [protocol === 3 ? '%' : '*', protocol === 3 ? reply.size : 2 * reply.size, flat(reply)]
      : ['*', (reply as readonly Reply[]).length, reply as readonly Reply[]]
  return Buffer.concat([Buffer.from(`${mark}${size}\r\n`), ...parts.map(part => written(part, protocol))])
}

function flat(map: ReadonlyMap<string, Reply>): Reply[] {
  return [...map].flatMap(([name, value]): Reply[] => [Buffer.from(name), value])
}
