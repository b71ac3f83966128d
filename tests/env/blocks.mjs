// Code blocks of a page. A fence with a language holds what somebody may paste; the comment above it says who runs it, or why nobody does:
//
//   <!-- run -->             SQL or shell: tests/clients/pages.test.mjs
//   <!-- run: NAME -->       a test that names the page and NAME; so do <!-- NAME -->, <!-- sql: NAME --> and <!-- file: NAME -->
//   <!-- not run: WHY -->    nobody
//
// A fence without a language holds what a program prints, or a drawing.
import { readFileSync } from 'node:fs'

const root = new URL('../../', import.meta.url)

// {line, language, mark, code}, in their order; mark is the text of the comment, or ''.
export function blocks(page) {
  const found = []
  const text = readFileSync(new URL(page, root), 'utf8')
  for (const m of text.matchAll(/^(?:<!-- (.*) -->\n)?( *)```(\w*)\n([^]*?)^ *```$/gm)) {
    found.push({ line: text.slice(0, m.index).split('\n').length, mark: m[1] ?? '', language: m[3], code: m[4].replaceAll(new RegExp(`^${m[2]}`, 'gm'), '') })
  }
  return found
}

// The one block of a page with this mark.
export function block(page, mark) {
  const found = blocks(page).filter((b) => b.mark === mark)
  if (found.length !== 1) throw new Error(`${page}: ${found.length} blocks are marked ${mark}`)
  return found[0].code
}
