/** Where in TanStack Query's cache things are. All begin with `parley`. */

export interface ConversationFilter {
  status?: "open" | "pending" | "resolved" | "snoozed";
  /** `me`, `none`, or a person's id. */
  assignee?: string;
  integrationId?: string;
  label?: string;
  unread?: boolean;
}

export const parleyKeys = {
  all: ["parley"] as const,
  connection: ["parley", "connection"] as const,
  lists: ["parley", "conversations"] as const,
  conversations: (filter: ConversationFilter) => ["parley", "conversations", filter] as const,
  messages: (id: string) => ["parley", "messages", id] as const,
  typing: (id: string) => ["parley", "typing", id] as const,
  presence: ["parley", "presence"] as const,
  media: (id: string, thumbnail: boolean) => ["parley", "media", id, thumbnail] as const,
  queues: ["parley", "queues"] as const,
};
