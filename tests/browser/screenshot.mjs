#!/usr/bin/env node
// Draws docs/demo.png anew: the page with both people in the middle of it.
//
//   make && node tests/browser/screenshot.mjs [FILE]
//
// BELLWIRE_TEST_PG  superuser URL of a Postgres; without it one is started for the time under build/
import { join } from 'node:path'
import { writeFile } from 'node:fs/promises'
import { drawn, root } from './lib/drawing.mjs'

const file = process.argv[2] ?? join(root, 'docs/demo.png')

// They read the environment when they are loaded.
const { launch, Visit } = await import('./lib/browser.mjs')
const { ANNA, CLARA, Demo, POST } = await import('./lib/demo.mjs')
const { smaller } = await import('./lib/png.mjs')

const demo = new Demo('screenshot')
let browser
try {
  await demo.build()
  const edge = await demo.edge()
  browser = await launch()
  const v = await Visit.open(browser, edge.url, { width: 1440, height: 900 })
  const { anna, boris } = v
  await anna.online()
  await boris.openChat('Anna')
  await anna.ticks('Bring the photo', 'read')
  await boris.write('Packed already. How do you like the new place?')
  await anna.message('Packed already').waitFor()
  await anna.write('The light is wonderful in the morning')
  await anna.ticks('The light is wonderful', 'read')
  await demo.sql('insert into platform.post_likes (post_id, user_id) values ($1, $2) on conflict do nothing', [POST, CLARA])
  await boris.tab('post')
  await boris.$('.like').click()
  await boris.text('.counts', /^4 likes/)
  await boris.$('.comment-form input').fill('See you there on Saturday!')
  await boris.$('.comment-form button').click()
  await boris.text('.comments li:first-child .text', 'See you there on Saturday!')
  await anna.text('.toast strong', 'Boris commented on your post')
  await anna.$('.toast').waitFor({ state: 'detached' })
  await anna.write('You have seen the post, then')
  await anna.ticks('You have seen the post', 'delivered')
  await v.log(ANNA, 'chat:message:delivered', 'in').first().waitFor()
  await v.page.mouse.move(0, 0)
  await v.page.evaluate(() => document.activeElement?.blur())
  const png = smaller(await v.page.screenshot())
  await writeFile(file, png)
  console.log(`${file}: ${Math.round(png.length / 1024)} KiB`)
  await v.end()
} finally {
  await browser?.close()
  await demo.close()
  drawn()
}
