/**
 * The stream of changes of one slot, by `pg-logical-replication`. Traps of the library that this keeps clear of:
 *
 * - It confirms the place after the one that it is given. Confirmed like that, the end of one transaction would be past the start of
 *   a commit that follows at once, and Postgres would not send that one again after a restart. So one is subtracted.
 * - By its timer it confirms what was received, done or not: the timer is off.
 * - It starts again where it was, not where the slot is: each connection has a service of its own.
 * - It turns texts into values of JavaScript, a timestamp by the time zone of the process: here they stay texts.
 */
import { LogicalReplicationService, type Pgoutput, PgoutputPlugin } from 'pg-logical-replication'
import type { ClientConfig } from 'pg'
import { lsnOf, type Lsn, textOfLsn } from './lsn.js'
import type { Names } from './set-up.js'

export interface StreamOptions extends Names {
  readonly connection: ClientConfig
  /** Called with one message after the other. */
  readonly onMessage: (message: Pgoutput.Message) => Promise<void>
  /** All that was committed before this place has been told. */
  readonly onPosition: (position: Lsn) => void
}

/** How long it is waited for the connection to close. */
const CLOSE_MS = 1_000

export class Stream {
  readonly #service: LogicalReplicationService
  readonly #options: StreamOptions
  readonly #plugin: TextPlugin
  /** Resolves when it is over, with the reason. */
  readonly ended: Promise<Error>
  #end!: (error: Error) => void
  #handled = 0
  /** A position that counts once so many messages were handled. */
  #next: { readonly position: Lsn; readonly after: number } | undefined

  constructor(options: StreamOptions) {
    this.#options = options
    this.#plugin = new TextPlugin({ protoVersion: 1, publicationNames: [options.publication] })
    this.ended = new Promise(resolve => {
      this.#end = resolve
    })
    this.#service = new LogicalReplicationService(options.connection, {
      acknowledge: { auto: false, timeoutSeconds: 0 },
      flowControl: { enabled: true },
    })
  }

  /** Resolves when it streams. Rejects where it can't, with `code: '55006'` while another process has the slot. */
  async start(): Promise<void> {
    const service = this.#service
    const started = new Promise<void>(resolve => service.once('start', resolve))
    service.on('data', (_, message: Pgoutput.Message) => this.#handle(message))
    service.on('heartbeat', (lsn: string) => this.#heard(lsnOf(lsn)))
    service.on('error', error => this.#end(error))
    const streaming = service.subscribe(this.#plugin, this.#options.slot)
    const over = streaming.then(
      () => new Error('the stream has ended'),
      (error: unknown) => (error instanceof Error ? error : new Error(String(error))),
    )
    void over.then(this.#end)
    const failed = await Promise.race([started.then(() => undefined), over])
    if (failed !== undefined) throw failed
  }

  /** Tells Postgres that everything before this place is done, and has it tell how far it is. */
  async confirm(place: Lsn): Promise<void> {
    await this.#service.acknowledge(textOfLsn(place - 1n), true)
  }

  async stop(): Promise<void> {
    this.#end(new Error('stopped'))
    const closed = this.#service.destroy().catch(() => undefined)
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<void>(resolve => {
      timer = setTimeout(resolve, CLOSE_MS)
    })
    await Promise.race([closed, late])
    clearTimeout(timer)
  }

  async #handle(message: Pgoutput.Message): Promise<void> {
    try {
      await this.#options.onMessage(message)
    } catch (error) {
      this.#end(error instanceof Error ? error : new Error(String(error)))
    }
    this.#handled++
    if (this.#next !== undefined && this.#handled >= this.#next.after) {
      const { position } = this.#next
      this.#next = undefined
      this.#options.onPosition(position)
    }
  }

  #heard(position: Lsn): void {
    if (this.#handled === this.#plugin.parsed) this.#options.onPosition(position)
    else this.#next = { position, after: this.#plugin.parsed }
  }
}

/** Leaves values as the texts that Postgres writes, and counts messages: they are parsed when they arrive, and handled later. */
class TextPlugin extends PgoutputPlugin {
  parsed = 0

  override parse(buffer: Buffer): Pgoutput.Message {
    this.parsed++
    const message = super.parse(buffer)
    if (message.tag === 'relation') for (const column of message.columns) column.parser = (text: unknown) => text
    return message
  }
}
