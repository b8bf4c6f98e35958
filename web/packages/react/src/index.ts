/** React hooks over Parley's realtime client and TanStack Query's cache. */

export { type ShownMessage, type ShownThread } from "./binding.ts";
export {
  useConnection, useConversations, useMediaUrl, useMessages, usePresence, useQueues, useSendMessage, useTyping,
  type QueueFigures,
} from "./hooks.ts";
export { parleyKeys, type ConversationFilter } from "./keys.ts";
export { ParleyProvider, useParley } from "./provider.ts";
