/**
 * What goes over the wire: objects of the HTTP API and frames of `parley.v1`, as docs/http-api.md and docs/realtime.md
 * describe them. The one rule: nothing here is ours; fields that a later server adds are carried along.
 */

export type Direction = "incoming" | "outgoing" | "internal";
export type MessageStatus =
  | "received" | "scheduled" | "queued" | "sending" | "sent" | "delivered" | "read" | "played" | "failed" | "unknown";

export interface Person { kind: string; id: string | null; name: string | null }

export interface Attachment {
  id: string; kind: string; mimeType: string | null; fileName: string | null; size: number | null; sha256: string | null;
  voice: boolean; state: "pending" | "stored" | "failed"; reason: string | null; url: string | null;
  thumbnailUrl: string | null;
}

export interface Message {
  id: string; conversationId: string; direction: Direction; kind: string; text: string | null;
  content: Record<string, unknown>; attachments: Attachment[]; status: MessageStatus;
  error: { code: string; message: string; [more: string]: unknown } | null;
  providerMessageId: string | null; clientKey: string | null;
  replyTo: { id: string; text: string | null; kind: string } | null;
  reactions: { emoji: string; by: Person }[]; number: number; earliestSendAt: string | null; resendOf: string | null;
  sender: Person; edited: boolean; deleted: boolean; occurredAt: string; createdAt: string;
  metadata: Record<string, unknown>; version: number;
}

export interface LastMessage {
  id: string; text: string | null; kind: string; direction: Direction; status: MessageStatus; occurredAt: string;
}

export interface Conversation {
  id: string; integrationId: string; channel: string; provider: string;
  bot: { id: string; name: string; state: string } | null;
  contact: { id: string; name: string | null; phone: string | null; avatarUrl: string | null } | null;
  group: { id: string; name: string | null } | null; status: "open" | "pending" | "resolved" | "snoozed";
  snoozedUntil: string | null; assignee: { id: string; name: string } | null; labels: string[]; priority: string;
  followers: { id: string; name: string }[]; unreadCount: number; lastMessage: LastMessage | null; lastNumber: number;
  window: { open: boolean; expiresAt: string } | null; createdAt: string; updatedAt: string; version: number;
}

export interface Counts { open: number; mine: number; unassigned: number; unread: number }

export interface Snapshot { conversations: Conversation[]; counts: Counts; cursor: string }

export interface Page<T> { data: T[]; pagination: { nextCursor: string | null; hasMore: boolean } }

/** One change, numbered. `data` is null where it was too long for a frame; then `ref` is the path to fetch. */
export interface ParleyEvent {
  seq: number; type: string; id: string; conversationId: string | null; clientKey?: string; occurredAt: string;
  // Each type has its own shape; the reducer reads what it knows and passes over the rest.
  data: any; ref?: string | null;
}

export interface UserPresence {
  userId: string; name: string; state: "online" | "away" | "busy" | "offline"; viewing: string[]; lastSeenAt: string;
}

export interface Typing { conversationId: string; by: Person; on: boolean }

export interface Range { from: number; to: number; events: ParleyEvent[] }

export interface Welcome extends Range {
  type: "welcome"; connectionId: string; epoch: string; recovered: boolean; reason?: string; more: boolean;
  presence: UserPresence[]; heartbeatMs: number; maxAgeMs: number; expiresAt: string; now: string;
}

export interface Batch extends Range { type: "batch"; more: boolean }

export interface Bye {
  type: "bye"; code: string; reason: string; reconnect: "now" | "backoff" | "never"; afterMs: number;
}

export interface ErrorFrame {
  type: "error"; code: string; message: string; topic?: string; temporary: boolean; retryAfterMs?: number;
}

/** Any frame that the server sends; `id` repeats the one of the frame it answers. */
export interface Frame { type?: string; id?: string | number; [more: string]: any }

/** What a person wrote, before it has an id. Fields as in the body of sending (docs/http-api.md). */
export interface Draft {
  type: string; text?: string; mediaId?: string; caption?: string; voice?: boolean; replyTo?: string;
  expectedNumber?: number; metadata?: Record<string, unknown>; [more: string]: unknown;
}

export type Mode = "idle" | "connecting" | "live" | "backoff" | "polling" | "stopped";
