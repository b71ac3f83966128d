// Thousands of instructions that one backend spends on what it is asked: instructions.mjs [ITEM...]; lib/items.mjs has the items.
//
// The figure is that of the SQL of this tree, on a table of some size, in a session that is warm. What an item took the last time
// stands beside it.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { present, profile } from './lib/callgrind.mjs'
import { ITEMS, statements } from './lib/items.mjs'
import { withCluster } from './lib/template.mjs'

const build = process.env.B ?? fileURLToPath(new URL('../../build', import.meta.url))
const noted = join(build, 'bench/instructions.json')

// What an item took the last time.
export function last() {
  try {
    return JSON.parse(readFileSync(noted, 'utf8'))
  } catch {
    return {}
  }
}

async function thousands(item) {
  const [before, measured] = statements(item)
  const { instructions } = await withCluster((cluster) => profile(cluster, before, measured))
  return instructions / 1000 / measured.length / (item.each ?? 1)
}

const shown = (x) => x.toFixed(x < 100 ? 1 : 0)

export async function instructions(names) {
  const unknown = names.filter((n) => !ITEMS[n])
  if (unknown.length) {
    console.error(`instructions: no item ${unknown.join(', ')}; there are ${Object.keys(ITEMS).join(' ')}`)
    process.exit(2)
  }
  if (!present()) return console.log('instructions: skipped, there is no valgrind, and it could not be installed')
  const wanted = names.length ? names : Object.keys(ITEMS)
  const width = Math.max(...Object.values(ITEMS).map((i) => i.title.length))
  const before = last()
  const now = {}
  console.log(`| ${'thousand instructions of a backend'.padEnd(width)} |    now | last time |\n|${'-'.repeat(width + 2)}|-------:|----------:|`)
  for (const name of wanted) {
    now[name] = await thousands(ITEMS[name])
    console.log(`| ${ITEMS[name].title.padEnd(width)} | ${shown(now[name]).padStart(6)} | ${(before[name] ? shown(before[name]) : '').padStart(9)} |`)
  }
  mkdirSync(join(build, 'bench'), { recursive: true })
  writeFileSync(noted, JSON.stringify({ ...before, ...now }, null, 1))
}
