// Made from docs/asyncapi.yaml by tests/clients/lib/types.mjs; do not edit.
//
//   import 'bellwire_models.dart' as bw;         // Flutter has a Notification of its own
//   socket.on(bw.Events.chatMessageNew, (data) => bw.Message.fromJson(Map<String, dynamic>.from(data as Map)));

/// Names of events, in both directions.
abstract final class Events {
  static const chatJoin = 'chat:join';
  static const chatLeave = 'chat:leave';
  static const chatMessageSend = 'chat:message:send';
  static const chatTyping = 'chat:typing';
  static const chatMessageRead = 'chat:message:read';
  static const notificationRead = 'notification:read';
  static const authRefresh = 'auth:refresh';
  static const connected = 'connected';
  static const syncRequired = 'sync:required';
  static const error = 'error';
  static const chatMessageNew = 'chat:message:new';
  static const chatMessageDelivered = 'chat:message:delivered';
  static const notificationNew = 'notification:new';
  static const userOnline = 'user:online';
  static const userOffline = 'user:offline';
  static const postLiked = 'post:liked';
  static const postUnliked = 'post:unliked';
  static const postCommented = 'post:commented';
}

/// What `code` of an error is one of.
abstract final class Codes {
  static const invalidData = 'INVALID_DATA';
  static const unauthorized = 'UNAUTHORIZED';
  static const forbidden = 'FORBIDDEN';
  static const chatNotFound = 'CHAT_NOT_FOUND';
  static const messageTooLarge = 'MESSAGE_TOO_LARGE';
  static const rateLimit = 'RATE_LIMIT';
  static const unavailable = 'UNAVAILABLE';
  static const internal = 'INTERNAL';
}

/// What `type` of a message is one of.
abstract final class MessageTypes {
  static const text = 'text';
  static const photo = 'photo';
  static const video = 'video';
  static const voice = 'voice';
  static const location = 'location';
  static const profileShare = 'profile_share';
  static const postShare = 'post_share';
  static const bookingProposal = 'booking_proposal';
}

/// What `type` of a notification is one of.
abstract final class NotificationTypes {
  static const bookingRequest = 'booking_request';
  static const bookingConfirmed = 'booking_confirmed';
  static const bookingCancelled = 'booking_cancelled';
  static const friendRequest = 'friend_request';
  static const friendAccepted = 'friend_accepted';
  static const postLiked = 'post_liked';
  static const postCommented = 'post_commented';
  static const postReposted = 'post_reposted';
  static const mention = 'mention';
  static const reviewReceived = 'review_received';
  static const autoBookingProposal = 'auto_booking_proposal';
}

/// `connected`: The token was taken and the socket's rooms are complete.
class Connected {
  const Connected({
    required this.socketId,
    required this.userId,
    required this.timestamp,
    this.recovered,
  });

  factory Connected.fromJson(Map<String, dynamic> json) => Connected(
        socketId: json['socket_id'] as String,
        userId: json['user_id'] as String,
        timestamp: DateTime.parse(json['timestamp'] as String),
        recovered: json['recovered'] as bool?,
      );

  final String socketId;
  final String userId;
  final DateTime timestamp;
  final bool? recovered;
}

/// `sync:required`: Read everything again over HTTP.
class SyncRequired {
  const SyncRequired({
    required this.userId,
    required this.reason,
    required this.timestamp,
  });

  factory SyncRequired.fromJson(Map<String, dynamic> json) => SyncRequired(
        userId: json['user_id'] as String,
        reason: json['reason'] as String,
        timestamp: DateTime.parse(json['timestamp'] as String),
      );

  final String userId;
  final String reason;
  final DateTime timestamp;
}

/// `error`: A refusal, also of events without an ack.
class Failure {
  const Failure({
    required this.code,
    required this.message,
    required this.timestamp,
    this.event,
    this.clientId,
    this.retryAfterMs,
    this.hint,
  });

  factory Failure.fromJson(Map<String, dynamic> json) => Failure(
        code: json['code'] as String,
        message: json['message'] as String,
        timestamp: DateTime.parse(json['timestamp'] as String),
        event: json['event'] as String?,
        clientId: json['client_id'] as String?,
        retryAfterMs: json['retry_after_ms'] as int?,
        hint: json['hint'] as String?,
      );

  final String code;
  final String message;
  final DateTime timestamp;
  final String? event;
  final String? clientId;
  final int? retryAfterMs;
  final String? hint;
}

/// `chat:message:new`: A row was inserted into platform.messages, by whoever.
class Message {
  const Message({
    required this.id,
    required this.chatId,
    required this.senderId,
    required this.senderName,
    required this.senderAvatar,
    required this.metadata,
    required this.createdAt,
    required this.status,
    required this.seq,
    required this.type,
    required this.content,
  });

  factory Message.fromJson(Map<String, dynamic> json) => Message(
        id: json['id'] as String,
        chatId: json['chat_id'] as String,
        senderId: json['sender_id'] as String,
        senderName: json['sender_name'] as String,
        senderAvatar: json['sender_avatar'] as String?,
        metadata: Map<String, dynamic>.from(json['metadata'] as Map),
        createdAt: DateTime.parse(json['created_at'] as String),
        status: json['status'] as String,
        seq: json['seq'] as int,
        type: json['type'] as String,
        content: json['content'] as String,
      );

  final String id;
  final String chatId;
  final String senderId;
  final String senderName;
  final String? senderAvatar;
  final Map<String, dynamic> metadata;
  final DateTime createdAt;
  final String status;
  final int seq;
  final String type;
  final String content;
}

/// `chat:typing`: Somebody types.
class ChatTyping {
  const ChatTyping({
    required this.chatId,
    required this.userId,
    required this.userName,
    required this.isTyping,
  });

  factory ChatTyping.fromJson(Map<String, dynamic> json) => ChatTyping(
        chatId: json['chat_id'] as String,
        userId: json['user_id'] as String,
        userName: json['user_name'] as String,
        isTyping: json['is_typing'] as bool,
      );

  final String chatId;
  final String userId;
  final String userName;
  final bool isTyping;
}

/// `chat:message:delivered`: A recipient's client has taken the message.
class ChatMessageDelivered {
  const ChatMessageDelivered({
    required this.messageId,
    required this.chatId,
    required this.deliveredTo,
    required this.deliveredAt,
  });

  factory ChatMessageDelivered.fromJson(Map<String, dynamic> json) => ChatMessageDelivered(
        messageId: json['message_id'] as String,
        chatId: json['chat_id'] as String,
        deliveredTo: json['delivered_to'] as String,
        deliveredAt: DateTime.parse(json['delivered_at'] as String),
      );

  final String messageId;
  final String chatId;
  final String deliveredTo;
  final DateTime deliveredAt;
}

/// `chat:message:read`: A recipient has read the message.
class ChatMessageRead {
  const ChatMessageRead({
    required this.messageId,
    required this.chatId,
    required this.readBy,
    required this.readAt,
  });

  factory ChatMessageRead.fromJson(Map<String, dynamic> json) => ChatMessageRead(
        messageId: json['message_id'] as String,
        chatId: json['chat_id'] as String,
        readBy: json['read_by'] as String,
        readAt: DateTime.parse(json['read_at'] as String),
      );

  final String messageId;
  final String chatId;
  final String readBy;
  final DateTime readAt;
}

/// `notification:new`: A row was inserted into platform.notifications.
class Notification {
  const Notification({
    required this.id,
    required this.type,
    required this.title,
    required this.body,
    required this.data,
    required this.createdAt,
    required this.isRead,
  });

  factory Notification.fromJson(Map<String, dynamic> json) => Notification(
        id: json['id'] as String,
        type: json['type'] as String,
        title: json['title'] as String,
        body: json['body'] as String,
        data: Map<String, dynamic>.from(json['data'] as Map),
        createdAt: DateTime.parse(json['created_at'] as String),
        isRead: json['is_read'] as bool,
      );

  final String id;
  final String type;
  final String title;
  final String body;
  final Map<String, dynamic> data;
  final DateTime createdAt;
  final bool isRead;
}

/// `notification:read`: read_at was set, by whoever.
class NotificationRead {
  const NotificationRead({
    required this.notificationId,
    required this.isRead,
    required this.readAt,
  });

  factory NotificationRead.fromJson(Map<String, dynamic> json) => NotificationRead(
        notificationId: json['notification_id'] as String,
        isRead: json['is_read'] as bool,
        readAt: DateTime.parse(json['read_at'] as String),
      );

  final String notificationId;
  final bool isRead;
  final DateTime readAt;
}

/// `user:online`: The user's first socket opened.
class UserOnline {
  const UserOnline({
    required this.userId,
    required this.online,
    required this.lastSeen,
  });

  factory UserOnline.fromJson(Map<String, dynamic> json) => UserOnline(
        userId: json['user_id'] as String,
        online: json['online'] as bool,
        lastSeen: json['last_seen'] == null ? null : DateTime.parse(json['last_seen'] as String),
      );

  final String userId;
  final bool online;
  final DateTime? lastSeen;
}

/// `user:offline`: The user's last socket ended.
class UserOffline {
  const UserOffline({
    required this.userId,
    required this.online,
    required this.lastSeen,
  });

  factory UserOffline.fromJson(Map<String, dynamic> json) => UserOffline(
        userId: json['user_id'] as String,
        online: json['online'] as bool,
        lastSeen: json['last_seen'] == null ? null : DateTime.parse(json['last_seen'] as String),
      );

  final String userId;
  final bool online;
  final DateTime? lastSeen;
}

/// `post:liked`: A row was inserted into platform.post_likes.
class PostLiked {
  const PostLiked({
    required this.postId,
    required this.userId,
    required this.userName,
    required this.likesCount,
  });

  factory PostLiked.fromJson(Map<String, dynamic> json) => PostLiked(
        postId: json['post_id'] as String,
        userId: json['user_id'] as String,
        userName: json['user_name'] as String,
        likesCount: json['likes_count'] as int,
      );

  final String postId;
  final String userId;
  final String userName;
  final int likesCount;
}

/// `post:unliked`: A row was deleted from platform.post_likes.
class PostUnliked {
  const PostUnliked({
    required this.postId,
    required this.userId,
    required this.likesCount,
  });

  factory PostUnliked.fromJson(Map<String, dynamic> json) => PostUnliked(
        postId: json['post_id'] as String,
        userId: json['user_id'] as String,
        likesCount: json['likes_count'] as int,
      );

  final String postId;
  final String userId;
  final int likesCount;
}

/// `post:commented`: A row was inserted into platform.post_comments.
class PostCommented {
  const PostCommented({
    required this.postId,
    required this.comment,
    required this.commentsCount,
  });

  factory PostCommented.fromJson(Map<String, dynamic> json) => PostCommented(
        postId: json['post_id'] as String,
        comment: PostCommentedComment.fromJson(Map<String, dynamic>.from(json['comment'] as Map)),
        commentsCount: json['comments_count'] as int,
      );

  final String postId;
  final PostCommentedComment comment;
  final int commentsCount;
}

/// `comment` of [PostCommented].
class PostCommentedComment {
  const PostCommentedComment({
    required this.id,
    required this.authorId,
    required this.authorName,
    required this.authorAvatar,
    required this.content,
    required this.createdAt,
  });

  factory PostCommentedComment.fromJson(Map<String, dynamic> json) => PostCommentedComment(
        id: json['id'] as String,
        authorId: json['author_id'] as String,
        authorName: json['author_name'] as String,
        authorAvatar: json['author_avatar'] as String?,
        content: json['content'] as String,
        createdAt: DateTime.parse(json['created_at'] as String),
      );

  final String id;
  final String authorId;
  final String authorName;
  final String? authorAvatar;
  final String content;
  final DateTime createdAt;
}

/// The ack of `chat:join`.
class ChatJoinAck {
  const ChatJoinAck({
    required this.status,
    required this.chatId,
  });

  factory ChatJoinAck.fromJson(Map<String, dynamic> json) => ChatJoinAck(
        status: json['status'] as String,
        chatId: json['chat_id'] as String,
      );

  final String status;
  final String chatId;
}

/// The ack of `chat:leave`.
class ChatLeaveAck {
  const ChatLeaveAck({
    required this.status,
    required this.chatId,
  });

  factory ChatLeaveAck.fromJson(Map<String, dynamic> json) => ChatLeaveAck(
        status: json['status'] as String,
        chatId: json['chat_id'] as String,
      );

  final String status;
  final String chatId;
}

/// The ack of `chat:message:send`.
class MessageSent {
  const MessageSent({
    required this.status,
    required this.messageId,
    required this.createdAt,
    this.clientId,
  });

  factory MessageSent.fromJson(Map<String, dynamic> json) => MessageSent(
        status: json['status'] as String,
        messageId: json['message_id'] as String,
        createdAt: DateTime.parse(json['created_at'] as String),
        clientId: json['client_id'] as String?,
      );

  final String status;
  final String messageId;
  final DateTime createdAt;
  final String? clientId;
}

/// The ack of `chat:typing`.
class ChatTypingAck {
  const ChatTypingAck({
    required this.status,
  });

  factory ChatTypingAck.fromJson(Map<String, dynamic> json) => ChatTypingAck(
        status: json['status'] as String,
      );

  final String status;
}

/// The ack of `chat:message:read`.
class MessageReadAck {
  const MessageReadAck({
    required this.messageId,
    required this.chatId,
    required this.readBy,
    required this.readAt,
  });

  factory MessageReadAck.fromJson(Map<String, dynamic> json) => MessageReadAck(
        messageId: json['message_id'] as String,
        chatId: json['chat_id'] as String,
        readBy: json['read_by'] as String,
        readAt: json['read_at'] == null ? null : DateTime.parse(json['read_at'] as String),
      );

  final String messageId;
  final String chatId;
  final String readBy;
  final DateTime? readAt;
}

/// The ack of `notification:read`.
class NotificationReadAck {
  const NotificationReadAck({
    required this.notificationId,
    required this.isRead,
    required this.readAt,
  });

  factory NotificationReadAck.fromJson(Map<String, dynamic> json) => NotificationReadAck(
        notificationId: json['notification_id'] as String,
        isRead: json['is_read'] as bool,
        readAt: DateTime.parse(json['read_at'] as String),
      );

  final String notificationId;
  final bool isRead;
  final DateTime readAt;
}

/// The ack of `auth:refresh`.
class TokenRefreshed {
  const TokenRefreshed({
    required this.status,
    required this.expiresAt,
  });

  factory TokenRefreshed.fromJson(Map<String, dynamic> json) => TokenRefreshed(
        status: json['status'] as String,
        expiresAt: DateTime.parse(json['expires_at'] as String),
      );

  final String status;
  final DateTime expiresAt;
}

/// The ack of an event that was refused.
class Refused {
  const Refused({
    required this.status,
    required this.code,
    required this.message,
    required this.timestamp,
    this.clientId,
    this.retryAfterMs,
    this.hint,
  });

  factory Refused.fromJson(Map<String, dynamic> json) => Refused(
        status: json['status'] as String,
        code: json['code'] as String,
        message: json['message'] as String,
        timestamp: DateTime.parse(json['timestamp'] as String),
        clientId: json['client_id'] as String?,
        retryAfterMs: json['retry_after_ms'] as int?,
        hint: json['hint'] as String?,
      );

  final String status;
  final String code;
  final String message;
  final DateTime timestamp;
  final String? clientId;
  final int? retryAfterMs;
  final String? hint;
}
