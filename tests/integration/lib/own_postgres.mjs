// A Postgres of one file's own, for what ends everybody's links: import it before world.mjs, which reads its URL.
import { execFileSync } from 'node:child_process'
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('../../../', import.meta.url))

// name: of its folder. Answers postgres(command), tests/env/postgres for this cluster, remove(), for after the last test, and dir.
export function ownPostgres(name) {
  const dir = join(root, 'build/test', name)
  const { BELLWIRE_DEV_DATABASE_URL: _, ...env } = process.env
  const postgres = (command) => execFileSync(join(root, 'tests/env/postgres'), [command, dir], { encoding: 'utf8', env, stdio: ['ignore', 'pipe', 'inherit'] }).trim()
  const remove = () => {
    postgres('stop')
    rmSync(dir, { recursive: true, force: true })
  }
  remove() // the rest of an interrupted run
  postgres('start')
  process.env.BELLWIRE_TEST_PG = postgres('url')
  return { postgres, remove, dir }
}
