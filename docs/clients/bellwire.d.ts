// Made from docs/asyncapi.yaml by tests/clients/lib/types.mjs; do not edit.
//
//   const socket: BellwireSocket = io(url, { auth: { token } })
import type { Socket } from 'socket.io-client'

/** A uuid as text. */
export type Uuid = string
/** UTC with milliseconds: 2026-01-10T12:00:00.000Z */
export type Time = string
export type Code = 'INVALID_DATA' | 'UNAUTHORIZED' | 'FORBIDDEN' | 'CHAT_NOT_FOUND' | 'MESSAGE_TOO_LARGE' | 'RATE_LIMIT' | 'UNAVAILABLE' | 'INTERNAL'
export type MessageType = MessageBody['type']
export type NotificationType = Notification['type']

/** What a message says: `type` tells what `content` and `metadata` are. Further keys of `metadata` are kept as they are. */
export type MessageBody =
  | {
      type: 'text'
      content: string
      metadata?: Record<string, unknown>
    }
  | {
      type: 'photo'
      content: string
      metadata?: {
        width?: number
        height?: number
        thumbnail?: string
      } & Record<string, unknown>
    }
  | {
      type: 'video'
      content: string
      metadata?: {
        duration?: number
        thumbnail?: string
      } & Record<string, unknown>
    }
  | {
      type: 'voice'
      content: string
      metadata?: {
        duration?: number
      } & Record<string, unknown>
    }
  | {
      type: 'location'
      content: string
      metadata: {
        lat: number
        lng: number
        address?: string
      } & Record<string, unknown>
    }
  | {
      type: 'profile_share'
      content: string
      metadata?: {
        name?: string
        avatar?: string
        is_master?: boolean
      } & Record<string, unknown>
    }
  | {
      type: 'post_share'
      content: string
      metadata?: {
        author_name?: string
        media_url?: string
      } & Record<string, unknown>
    }
  | {
      type: 'booking_proposal'
      content: string
      metadata: {
        service_id: string
        service_name: string
        price: number
        duration: number
      } & Record<string, unknown>
    }

export type Message = MessageBody & { metadata: Record<string, unknown> } & {
  id: Uuid
  chat_id: Uuid
  sender_id: Uuid
  sender_name: string
  sender_avatar: string | null
  created_at: Time
  status: 'sent' | 'delivered' | 'read'
  seq: number
}

export interface Notification {
  id: Uuid
  type: 'booking_request' | 'booking_confirmed' | 'booking_cancelled' | 'friend_request' | 'friend_accepted' | 'post_liked' | 'post_commented' | 'post_reposted' | 'mention' | 'review_received' | 'auto_booking_proposal'
  title: string
  body: string
  data: Record<string, unknown>
  created_at: Time
  is_read: boolean
}

export interface Connected {
  socket_id: string
  user_id: Uuid
  timestamp: Time
  recovered?: boolean
}

export interface SyncRequired {
  user_id: Uuid
  reason: 'connection_established' | 'reconnection' | 'token_refresh'
  timestamp: Time
}

export interface Failure {
  code: Code
  message: string
  timestamp: Time
  event?: string
  client_id?: string
  retry_after_ms?: number
  hint?: string
}

export interface ChatTyping {
  chat_id: Uuid
  user_id: Uuid
  user_name: string
  is_typing: boolean
}

export interface ChatMessageDelivered {
  message_id: Uuid
  chat_id: Uuid
  delivered_to: Uuid
  delivered_at: Time
}

export interface ChatMessageRead {
  message_id: Uuid
  chat_id: Uuid
  read_by: Uuid
  read_at: Time
}

export interface NotificationRead {
  notification_id: Uuid
  is_read: true
  read_at: Time
}

export interface UserOnline {
  user_id: Uuid
  online: true
  last_seen: Time | null
}

export interface UserOffline {
  user_id: Uuid
  online: false
  last_seen: Time | null
}

export interface PostLiked {
  post_id: Uuid
  user_id: Uuid
  user_name: string
  likes_count: number
}

export interface PostUnliked {
  post_id: Uuid
  user_id: Uuid
  likes_count: number
}

export interface PostCommented {
  post_id: Uuid
  comment: {
    id: Uuid
    author_id: Uuid
    author_name: string
    author_avatar: string | null
    content: string
    created_at: Time
  }
  comments_count: number
}

export interface ChatJoin {
  chat_id: Uuid
}

export interface ChatJoinAck {
  status: 'joined'
  chat_id: Uuid
}

export interface ChatLeave {
  chat_id: Uuid
}

export interface ChatLeaveAck {
  status: 'left'
  chat_id: Uuid
}

export type ChatMessageSend = MessageBody & {
  chat_id: Uuid
  client_id?: string
}

export interface ChatMessageSendAck {
  status: 'sent'
  message_id: Uuid
  created_at: Time
  client_id?: string
}

export interface ChatTypingClient {
  chat_id: Uuid
  is_typing: boolean
}

export interface ChatTypingAck {
  status: 'ok'
}

export interface ChatMessageReadClient {
  message_id: Uuid
  chat_id: Uuid
}

export interface ChatMessageReadAck {
  message_id: Uuid
  chat_id: Uuid
  read_by: Uuid
  read_at: Time | null
}

export interface NotificationReadClient {
  notification_id: Uuid
}

export interface NotificationReadAck {
  notification_id: Uuid
  is_read: true
  read_at: Time
}

export interface AuthRefresh {
  token: string
}

export interface AuthRefreshAck {
  status: 'refreshed'
  expires_at: Time
}

export interface Refused {
  status: 'error'
  code: Code
  message: string
  timestamp: Time
  client_id?: string
  retry_after_ms?: number
  hint?: string
}

/** Events to clients. */
export interface ServerToClient {
  /** The token was taken and the socket's rooms are complete. */
  'connected': (data: Connected) => void
  /** Read everything again over HTTP. */
  'sync:required': (data: SyncRequired) => void
  /** A refusal, also of events without an ack. */
  'error': (data: Failure) => void
  /** A row was inserted into platform.messages, by whoever. */
  'chat:message:new': (data: Message) => void
  /** Somebody types. */
  'chat:typing': (data: ChatTyping) => void
  /** A recipient's client has taken the message. */
  'chat:message:delivered': (data: ChatMessageDelivered) => void
  /** A recipient has read the message. */
  'chat:message:read': (data: ChatMessageRead) => void
  /** A row was inserted into platform.notifications. */
  'notification:new': (data: Notification) => void
  /** read_at was set, by whoever. */
  'notification:read': (data: NotificationRead) => void
  /** The user's first socket opened. */
  'user:online': (data: UserOnline) => void
  /** The user's last socket ended. */
  'user:offline': (data: UserOffline) => void
  /** A row was inserted into platform.post_likes. */
  'post:liked': (data: PostLiked) => void
  /** A row was deleted from platform.post_likes. */
  'post:unliked': (data: PostUnliked) => void
  /** A row was inserted into platform.post_comments. */
  'post:commented': (data: PostCommented) => void
}

/** Events from clients, with the callback that takes the ack; `emitWithAck` answers the same. */
export interface ClientToServer {
  /** Enter a chat's room: this conversation is on screen. Participants only. */
  'chat:join': (payload: ChatJoin, ack: (answer: ChatJoinAck | Refused) => void) => void
  /** Leave a chat's room; also when it had not joined. */
  'chat:leave': (payload: ChatLeave, ack: (answer: ChatLeaveAck | Refused) => void) => void
  /** Write a message. client_id makes it repeatable. */
  'chat:message:send': (payload: ChatMessageSend, ack: (answer: ChatMessageSendAck | Refused) => void) => void
  /** Tell who has the chat on screen that the user types. Never stored. */
  'chat:typing': (payload: ChatTypingClient, ack: (answer: ChatTypingAck | Refused) => void) => void
  /** Mark somebody's message as read; the first read counts. */
  'chat:message:read': (payload: ChatMessageReadClient, ack: (answer: ChatMessageReadAck | Refused) => void) => void
  /** Mark a notification of one's own as read. */
  'notification:read': (payload: NotificationReadClient, ack: (answer: NotificationReadAck | Refused) => void) => void
  /** Replace the token of this socket before it expires. Handled by the edge itself. */
  'auth:refresh': (payload: AuthRefresh, ack: (answer: AuthRefreshAck | Refused) => void) => void
}

/** `Socket<ServerToClient, ClientToServer>`, and `emit` without a callback. */
export type BellwireSocket = Socket<ServerToClient, ClientToServer> & {
  emit<Event extends keyof ClientToServer>(event: Event, payload: Parameters<ClientToServer[Event]>[0]): BellwireSocket
}
