// The demo as `make run` has it, on a database of one test file's own: its data, its page and an edge that serves it.
import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { SECRET, World } from '../../integration/lib/world.mjs'

const at = (path) => fileURLToPath(new URL(`../../../${path}`, import.meta.url))
const BIN = process.env.BELLWIRE_BIN ?? at('build/bellwire')

export const ANNA = 'a0000000-0000-4000-8000-000000000001'
export const BORIS = 'a0000000-0000-4000-8000-000000000002'
export const CLARA = 'a0000000-0000-4000-8000-000000000003'
export const CHAT = 'c0000000-0000-4000-8000-000000000011' // Anna and Boris
export const GROUP = 'c0000000-0000-4000-8000-000000000012'
export const POST = 'b0000000-0000-4000-8000-000000000001'

export class Demo extends World {
  async build() {
    await super.build()
    // as one simple query each, which psql -f is to the server
    for (const file of ['data.sql', 'events.sql']) await this.sql(readFileSync(at(`server/demo/${file}`), 'utf8')).catch((e) => { throw new Error(`${file}: ${e.message}`) })
    await this.setting('presence_grace', 1)
    this.dir = await mkdtemp(join(tmpdir(), 'bellwire-demo-'))
    await this.page()
    return this
  }

  // The page's files anew, with tokens that live for so long.
  page(ttl = 3600) {
    return promisify(execFile)(at('tests/env/demo-page'), [this.dir, this.url()],
      { env: { PATH: process.env.PATH, BELLWIRE_BIN: BIN, JWT_SECRET: SECRET, TOKEN_TTL_S: String(ttl), DEMO_PSQL: this.psql ?? `psql '${this.url()}'` } })
  }

  edge(env = {}) { return super.edge({ BELLWIRE_DEMO_DIR: this.dir, ...env }) }

  say(chat, sender, content, type = 'text', metadata = {}) {
    return this.value('insert into platform.messages (chat_id, sender_id, type, content, metadata) values ($1, $2, $3, $4, $5) returning id', [chat, sender, type, content, metadata])
  }

  async close() {
    try { await super.close() } finally { if (this.dir) await rm(this.dir, { recursive: true, force: true }) }
  }
}
