// Waiting for what must happen, in place of sleeping.
import { setTimeout as sleep } from 'node:timers/promises'

export const WAIT_MS = Number(process.env.BELLWIRE_TEST_WAIT_MS ?? 8000)

// Calls cond until it answers something truthy, and answers that. `what`: a text, or a function that describes how far it got.
export async function until(cond, what = cond, ms = WAIT_MS) {
  const end = Date.now() + ms
  for (;;) {
    const value = await cond()
    if (value) return value
    if (Date.now() > end) throw new Error(`not within ${ms} ms: ${typeof what === 'function' && what !== cond ? what() : what}`)
    await sleep(5)
  }
}

export { sleep }
