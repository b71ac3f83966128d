// docs/events.md: likes and comments, which other services write; followers, live.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { keys, TIME, TRANSPORTS } from './lib/client.mjs'
import { world } from './lib/world.mjs'

const w = await world(import.meta.url)
await w.edge()

const like = (post, u) => w.sql('insert into platform.post_likes (post_id, user_id) values ($1, $2)', [post.id, u.id])
const unlike = (post, u) => w.sql('delete from platform.post_likes where post_id = $1 and user_id = $2', [post.id, u.id])
const comment = (post, u, content = 'Классная работа!') => w.value('insert into platform.post_comments (post_id, author_id, content) values ($1, $2, $3) returning id',
  [post.id, u.id, content])
const follow = (u, whom) => w.sql('insert into platform.follows (follower_id, followee_id) values ($1, $2)', [u.id, whom.id])
const unfollow = (u, whom) => w.sql('delete from platform.follows where follower_id = $1 and followee_id = $2', [u.id, whom.id])
const counts = async (post) => (await w.sql('select likes_count, comments_count from platform.post_counts where post_id = $1', [post.id]))[0]

// An author with a post, a follower, a fan who follows nobody, a stranger; each with one client.
async function scene(options = {}) {
  const [author, follower, fan, eve] = await w.users('Мария', 'Анна', 'Борис', 'Ева')
  await follow(follower, author)
  const post = await w.post(author)
  const [m, a, b, e] = await Promise.all([author, follower, fan, eve].map((u) => w.connect(u, options)))
  return { author, follower, fan, eve, post, m, a, b, e }
}

describe('likes', { concurrency: true }, () => {
  for (const transport of Object.keys(TRANSPORTS)) {
    test(`${transport}: liked and unliked, to the author and the followers, once`, async () => {
      const { author, fan, post, m, a, b, e } = await scene({ transport })
      const m2 = await w.connect(author)
      await like(post, fan)
      for (const c of [m, m2, a]) {
        const l = await c.hear('post:liked')
        keys(l, 'post_id', 'user_id', 'user_name', 'likes_count')
        assert.deepEqual(l, { post_id: post.id, user_id: fan.id, user_name: 'Борис', likes_count: 1 })
      }
      await unlike(post, fan)
      for (const c of [m, m2, a]) assert.deepEqual(await c.hear('post:unliked'), { post_id: post.id, user_id: fan.id, likes_count: 0 })
      await Promise.all([m, m2, a, b, e].map((c) => c.barrier()))
      assert.deepEqual([m, m2, a, b, e].map((c) => [c.heard('post:liked').length, c.heard('post:unliked').length]), [[1, 1], [1, 1], [1, 1], [0, 0], [0, 0]])
    })
  }

  test('a like makes the author\'s notification, not for one\'s own', async () => {
    const { author, fan, post, m } = await scene()
    await like(post, author)
    await m.hear('post:liked', { user_id: author.id })
    await like(post, fan)
    const n = await m.hear('notification:new', { type: 'post_liked' })
    assert.equal(n.is_read, false)
    await m.barrier()
    assert.equal(m.heard('notification:new').length, 1)
    assert.equal(await w.value('select count(*) from platform.notifications where user_id = $1', [author.id]), 1)
  })

  test('liked twice, unliked by nobody', async () => {
    const { fan, eve, post, m } = await scene()
    await like(post, fan)
    await assert.rejects(like(post, fan), { code: '23505' })
    await w.sql('insert into platform.post_likes (post_id, user_id) values ($1, $2) on conflict do nothing', [post.id, fan.id])
    await unlike(post, eve)
    await m.barrier()
    assert.deepEqual([m.heard('post:liked').length, m.heard('post:unliked').length, (await counts(post)).likes_count], [1, 0, 1])
  })

  test('a hundred at the same moment: each count once, in order', async () => {
    const { post, m, a } = await scene()
    const people = await w.sql("insert into platform.users (name) select 'fan ' || i from generate_series(1, 100) i returning id, name")
    await Promise.all(people.map((p) => like(post, p)))
    for (const c of [m, a]) {
      await c.hear('post:liked', undefined, 100)
      await c.barrier()
      assert.deepEqual(c.heard('post:liked').map((l) => l.likes_count), Array.from({ length: 100 }, (_, i) => i + 1))
      assert.equal(new Set(c.heard('post:liked').map((l) => l.user_id)).size, 100)
    }
    await Promise.all(people.slice(0, 50).map((p) => unlike(post, p)))
    await m.hear('post:unliked', undefined, 50)
    assert.deepEqual(m.heard('post:unliked').map((l) => l.likes_count), Array.from({ length: 50 }, (_, i) => 99 - i))
    assert.equal((await counts(post)).likes_count, 50)
  })

  test('a hundred in one statement', async () => {
    const { post, m } = await scene()
    await w.sql(`with p as (insert into platform.users (name) select 'x' || i from generate_series(1, 100) i returning id)
      insert into platform.post_likes (post_id, user_id) select $1, id from p`, [post.id])
    await m.hear('post:liked', undefined, 100)
    assert.deepEqual([m.heard('post:liked').at(-1).likes_count, (await counts(post)).likes_count], [100, 100])
  })
})

describe('comments', { concurrency: true }, () => {
  for (const transport of Object.keys(TRANSPORTS)) {
    test(`${transport}: to the author, with a notification`, async () => {
      const { fan, post, m, a, b, e } = await scene({ transport })
      await w.sql("update platform.users set avatar_url = 'https://x.example/b.png' where id = $1", [fan.id])
      const id = await comment(post, fan)
      const c = await m.hear('post:commented')
      keys(c, 'post_id', 'comment', 'comments_count')
      assert.match(c.comment.created_at, TIME)
      assert.deepEqual(c, { post_id: post.id, comments_count: 1, comment: { id, author_id: fan.id, author_name: 'Борис', author_avatar: 'https://x.example/b.png',
        content: 'Классная работа!', created_at: c.comment.created_at } })
      await m.hear('notification:new', { type: 'post_commented' })
      await Promise.all([m, a, b, e].map((x) => x.barrier()))
      assert.deepEqual([m, a, b, e].map((x) => x.heard('post:commented').length), [1, 0, 0, 0])
    })
  }

  test('one\'s own: the event, no notification; a missing avatar is null', async () => {
    const { author, post, m } = await scene()
    await comment(post, author)
    assert.equal((await m.hear('post:commented')).comment.author_avatar, null)
    await m.barrier()
    assert.deepEqual(m.heard('notification:new'), [])
  })

  test('the count goes down with a comment, silently', async () => {
    const { fan, post, m } = await scene()
    const ids = [await comment(post, fan), await comment(post, fan)]
    await w.sql('delete from platform.post_comments where id = $1', [ids[0]])
    assert.equal((await counts(post)).comments_count, 1)
    await comment(post, fan)
    await m.hear('post:commented', undefined, 3)
    assert.deepEqual(m.heard('post:commented').map((c) => c.comments_count), [1, 2, 2])
  })

  test('fifty at the same moment', async () => {
    const { fan, post, m } = await scene()
    await Promise.all(Array.from({ length: 50 }, (_, i) => comment(post, fan, `c${i}`)))
    await m.hear('post:commented', undefined, 50)
    assert.deepEqual(m.heard('post:commented').map((c) => c.comments_count), Array.from({ length: 50 }, (_, i) => i + 1))
  })
})

describe('followers, live', { concurrency: true }, () => {
  for (const transport of Object.keys(TRANSPORTS)) {
    test(`${transport}: who follows hears, who ceases does not`, async () => {
      const { author, fan, eve, post, m, e } = await scene({ transport })
      await follow(eve, author)
      await like(post, fan)
      await e.hear('post:liked')
      await unfollow(eve, author)
      await unlike(post, fan)
      await m.hear('post:unliked')
      await e.barrier()
      assert.deepEqual(e.heard('post:unliked'), [])
    })
  }

  test('in one transaction', async () => {
    const { author, follower, fan, eve, post, a, e } = await scene()
    await w.transaction(async (sql) => {
      await sql('insert into platform.follows (follower_id, followee_id) values ($1, $2)', [eve.id, author.id])
      await sql('delete from platform.follows where follower_id = $1', [follower.id])
      await sql('insert into platform.post_likes (post_id, user_id) values ($1, $2)', [post.id, fan.id])
    })
    await e.hear('post:liked')
    await a.barrier()
    assert.deepEqual(a.heard('post:liked'), [])
  })

  test('the author who follows is told once', async () => {
    const { author, fan, post, m } = await scene()
    await follow(author, fan)
    await like(post, fan)
    await m.hear('post:liked')
    await m.barrier()
    assert.equal(m.heard('post:liked').length, 1)
  })

  test('back and forth: the last word counts', async () => {
    const { author, fan, eve, post, e } = await scene()
    for (let i = 0; i < 20; i++) {
      await follow(eve, author)
      await unfollow(eve, author)
    }
    await follow(eve, author)
    await like(post, fan)
    await e.hear('post:liked')
  })
})
