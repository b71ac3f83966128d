// What a program that draws pictures for docs/ needs before it loads anything else: a browser and a Postgres.
import { execFileSync } from 'node:child_process'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const root = join(dirname(fileURLToPath(import.meta.url)), '../../..')
const dir = join(root, 'build/drawing')
const postgres = (...args) => execFileSync(join(root, 'tests/env/postgres'), args, { encoding: 'utf8' }).trim()

execFileSync(join(root, 'tests/env/packages'), ['--browser'], { stdio: 'inherit' })
const own = !process.env.BELLWIRE_TEST_PG
if (own) {
  postgres('start', dir)
  process.env.BELLWIRE_TEST_PG = postgres('url', dir)
}

export function drawn() { if (own) postgres('stop', dir) }
