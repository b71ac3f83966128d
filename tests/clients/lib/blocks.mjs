// Files that a page of docs/clients/ holds: the code block below each `<!-- file: NAME -->`.
import { readFileSync } from 'node:fs'

export const page = (name) => readFileSync(new URL(`../../../docs/clients/${name}`, import.meta.url), 'utf8')

export const files = (text) => new Map([...text.matchAll(/^<!-- file: (\S+) -->\n```\w+\n([^]*?)^```$/gm)].map(([, name, code]) => [name, code]))
