// What one client was told of its chats, compared with what it may be told while it comes in: after sync:required, and after what it then
// fetches, each message of a chat comes once and in order; and so over each recovered connection.

export class Ledger {
  constructor(complain) {
    this.complain = complain
    this.known = new Set() // ids, heard or fetched
    this.heard = 0
    this.fresh()
  }

  // A new session: earlier events are unknown until they are fetched, and there is no offset to go on from.
  fresh() {
    this.synchronise()
    this.offset = null
  }

  // Earlier events are unknown until they are fetched; a recovery may still go on from an earlier offset.
  synchronise() {
    this.last = new Map() // chat -> seq that was heard last
    this.first = new Map() // chat -> seq that was heard first
    this.fetched = new Map() // chat -> newest seq that the fetch told
    this.segment = {} // messages that are fetched for one segment do not count in another
  }

  message(m) {
    this.heard++
    this.known.add(m.id)
    const last = this.last.get(m.chat_id)
    if (last === undefined) {
      this.first.set(m.chat_id, m.seq)
      this.join(m.chat_id)
    } else if (m.seq !== last + 1) {
      this.complain(`chat ${m.chat_id}: ${m.seq} after ${last}`)
    }
    this.last.set(m.chat_id, m.seq)
  }

  // The newest message of a chat at some moment of this segment.
  fetch(chat, item) {
    if (item) this.known.add(item.id)
    this.fetched.set(chat, item?.seq ?? 0)
    this.join(chat)
  }

  // Nothing is between what was fetched and what was heard.
  join(chat) {
    const [first, fetched] = [this.first.get(chat), this.fetched.get(chat)]
    if (first !== undefined && fetched !== undefined && first > fetched + 1) this.complain(`chat ${chat}: fetched up to ${fetched}, heard from ${first}`)
  }

  // An offset, from which a recovery goes on. '' takes it back.
  mark(offset) { this.offset = offset === '' ? null : { last: new Map(this.last), first: new Map(this.first) } }

  // Events that were heard behind the last offset may come again.
  recovered() {
    if (!this.offset) {
      this.complain('recovered without an offset')
      return
    }
    this.last = new Map(this.offset.last)
    this.first = new Map(this.offset.first)
  }

  // The newest message that the client knows of, when it is complete.
  newest(chat) { return this.last.get(chat) ?? this.fetched.get(chat) }
}
