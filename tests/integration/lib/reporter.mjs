// A line for every test and the story of those that failed; the last line is the file's count for `run`.
import { inspect } from 'node:util'

// The message and where in the tests it happened.
const describe = (e) => (e?.stack ? e.stack.replace(/^ +at (?!.*tests\/(integration|browser)).*\n?/gm, '') : inspect(e, { depth: 6 })).trimEnd()

const indent = (s) => s.replaceAll('\n', '\n    ')

export default async function* reporter(source) {
  let passed = 0
  let failed = 0
  for await (const { type, data } of source) {
    // a group fails when one of its tests does: count the tests
    if (type !== 'test:pass' && type !== 'test:fail') continue
    const hook = data.details?.error?.failureType
    if (data.details?.type === 'suite' && hook === 'subtestsFailed') continue
    if (type === 'test:fail') {
      if (hook === 'subtestsFailed') continue
      failed++
      const error = data.details.error
      yield `  FAIL ${data.name}\n    ${indent(describe(error.cause ?? error))}\n`
    } else if (data.details?.type !== 'suite' && !data.skip) {
      passed++
      yield `  ok   ${data.name} (${Math.round(data.details.duration_ms)} ms)\n`
    }
  }
  yield `count ${passed} ${failed}\n`
}
