// Right and wrong uses of docs/clients/bellwire.d.ts with socket.io's own types: `tsc` must find the wrong ones, and only those.
import { io, type Socket } from 'socket.io-client'
import type { BellwireSocket, ClientToServer, Message, MessageBody, ServerToClient } from '../../docs/clients/bellwire'

const socket: BellwireSocket = io('http://localhost:3000', { auth: { token: '', recovery: true } })
export const plain: Socket<ServerToClient, ClientToServer> = socket
const chat_id = '6f1c0000-0000-4000-8000-000000000001'

// ---- events to clients ----

socket.on('chat:message:new', (message) => {
  const seq: number = message.seq
  const avatar: string | null = message.sender_avatar
  const client_id: unknown = message.metadata.client_id
  if (message.type === 'location') return message.metadata.lat + seq
  // @ts-expect-error: a text has no place
  if (message.type === 'text') message.metadata.lat.toFixed()
  // @ts-expect-error: may be null
  avatar.length
  // @ts-expect-error: no such key
  return [client_id, message.sequence]
})
socket.on('connected', ({ recovered }) => recovered === true)
socket.on('sync:required', ({ reason }) => reason === 'token_refresh')
// @ts-expect-error: no such reason
socket.on('sync:required', ({ reason }) => reason === 'refresh')
socket.on('error', ({ code, retry_after_ms }) => code === 'RATE_LIMIT' && (retry_after_ms ?? 1000))
// @ts-expect-error: no such code
socket.on('error', ({ code }) => code === 'TOO_MANY')
socket.on('notification:new', ({ type }) => type === 'mention')
socket.on('post:commented', ({ comment }) => comment.author_name)
// @ts-expect-error: no such event
socket.on('chat:message', () => {})
// @ts-expect-error: one argument
socket.on('chat:typing', (typing, more) => [typing, more])

// ---- events from clients ----

const body: MessageBody = { type: 'photo', content: 'https://example.org/a.jpg', metadata: { width: 640, album: 'summer' } }
socket.emit('chat:typing', { chat_id, is_typing: true })
socket.emit('chat:message:send', { chat_id, ...body, client_id: 'one' }, (ack) => {
  if (ack.status === 'sent') return ack.message_id
  return ack.code
})
socket.timeout(1000).emit('chat:join', { chat_id }, (late, ack) => late ?? ack.status)
// @ts-expect-error: a key is missing
socket.emit('chat:typing', { chat_id })
// @ts-expect-error: no such key
socket.emit('chat:join', { chat_id, room: 'a' })
// @ts-expect-error: no such type of message
socket.emit('chat:message:send', { chat_id, type: 'sticker', content: 'x' })
// @ts-expect-error: a place needs metadata
socket.emit('chat:message:send', { chat_id, type: 'location', content: '1,2' })
// @ts-expect-error: a number
socket.emit('chat:message:send', { chat_id, type: 'photo', content: 'https://example.org/a.jpg', metadata: { width: '640' } })
// @ts-expect-error: no such event
socket.emit('chat:message:new', { chat_id })

export async function acks(): Promise<Message['status'] | string> {
  const joined = await socket.emitWithAck('chat:join', { chat_id })
  if (joined.status === 'joined') return joined.chat_id
  const read = await socket.emitWithAck('chat:message:read', { message_id: chat_id, chat_id })
  if ('read_at' in read) return read.read_at ?? ''
  // @ts-expect-error: the acks of others have no expires_at
  read.expires_at
  const refreshed = await socket.emitWithAck('auth:refresh', { token: '' })
  // @ts-expect-error: it may be a refusal
  refreshed.expires_at
  return refreshed.status === 'refreshed' ? refreshed.expires_at : refreshed.message
}
