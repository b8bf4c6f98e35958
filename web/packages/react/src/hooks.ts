/** The hooks. The one rule: each is a view on the cache; what changes it is the client. */

import type { ApiError, Conversation, Draft, OutboxItem, Page, Person, UserPresence } from "@parley/client";
import { useInfiniteQuery, useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useCallback, useEffect } from "react";
import { threadOf, type ShownThread } from "./binding.ts";
import { parleyKeys, type ConversationFilter } from "./keys.ts";
import { matches, place, queryOf } from "./lists.ts";
import { useParley } from "./provider.ts";

const MEDIA_MARGIN_MS = 30_000;
const QUEUES_MS = 10_000;

/** How the connection is. */
export function useConnection() {
  const client = useParley();
  const now = () => ({ mode: client.mode, isConnected: client.isConnected });
  return useQuery({ queryKey: parleyKeys.connection, queryFn: now, initialData: now, staleTime: Infinity }).data;
}

/** The conversations of a list, the latest activity first, kept up as things happen. */
export function useConversations(filter: ConversationFilter = {}) {
  const client = useParley();
  const query = useInfiniteQuery({
    queryKey: parleyKeys.conversations(filter),
    queryFn: async ({ pageParam }): Promise<Page<Conversation>> => {
      // What is told while the page is on its way would be lost under it.
      const told: Conversation[] = [];
      const end = client.on("conversation", (conversation) => void told.push(conversation));
      try {
        const page = await client.request<Page<Conversation>>("GET", `/v1/conversations?${queryOf(filter, pageParam)}`);
        const belongs = (one: Conversation) => matches(filter, one, client.me) && (!pageParam || page.data.some(({ id }) => id === one.id));
        return told.reduce((pages, one) => place(pages, one, belongs(one)), [page])[0]!;
      } finally {
        end();
      }
    },
    initialPageParam: null as string | null,
    getNextPageParam: (last) => last.pagination.nextCursor,
    staleTime: Infinity,
  });
  return {
    conversations: query.data?.pages.flatMap((page) => page.data) ?? [],
    isLoading: query.isLoading,
    error: query.error as ApiError | null,
    hasMore: query.hasNextPage,
    loadMore: query.fetchNextPage,
  };
}

/** A thread, the oldest message first, with what is on its way at the end: `queued → sent → delivered → read`. */
export function useMessages(conversationId: string) {
  const client = useParley();
  const cache = useQueryClient();
  const { data = EMPTY } = useQuery<ShownThread>({
    queryKey: parleyKeys.messages(conversationId), queryFn: () => threadOf(client, conversationId), staleTime: Infinity, gcTime: 0,
  });
  useEffect(() => {
    const show = () => cache.setQueryData(parleyKeys.messages(conversationId), threadOf(client, conversationId));
    // What cannot be reached now is read when it can; what may not be read stays empty.
    client.subscribe(conversationId).then(show, () => {});
    show();
    return () => client.unsubscribe(conversationId);
  }, [client, cache, conversationId]);
  const loadOlder = useMutation({ mutationFn: () => client.loadOlder(conversationId) });
  return {
    messages: data.messages,
    isLoading: !data.loaded,
    hasOlder: data.hasOlder,
    loadOlder: loadOlder.mutateAsync,
    isLoadingOlder: loadOlder.isPending,
  };
}

const EMPTY: ShownThread = { messages: [], loaded: false, hasOlder: false };

/** Send into a conversation. The message is shown at once, and leaves when there is a network. */
export function useSendMessage(conversationId: string) {
  const client = useParley();
  const { mutateAsync, isPending, error } = useMutation<OutboxItem, Error, Draft>({
    mutationFn: (draft) => client.send(conversationId, draft),
    networkMode: "always",
  });
  /** Answer the question of an unsent message, or try a failed one again (`send`), or let it go (`discard`). */
  const decide = useCallback(
    (clientKey: string, choice: "send" | "discard") => client.decide(clientKey, choice), [client],
  );
  return { send: mutateAsync, decide, isPending, error };
}

/** Who is typing; and to say that we are: call `setTyping(true)` at every key. */
export function useTyping(conversationId: string): { typing: Person[]; setTyping: (on: boolean) => void } {
  const client = useParley();
  const now = () => client.typingIn(conversationId);
  const { data } = useQuery({ queryKey: parleyKeys.typing(conversationId), queryFn: now, initialData: now, staleTime: Infinity });
  const setTyping = useCallback((on: boolean) => client.typing(conversationId, on), [client, conversationId]);
  return { typing: data, setTyping };
}

/** Who is here. */
export function usePresence(): UserPresence[] {
  const client = useParley();
  const now = () => client.presence();
  return useQuery({ queryKey: parleyKeys.presence, queryFn: now, initialData: now, staleTime: Infinity }).data;
}

/** A file's URL for an `<img>`, renewed before it ends. */
export function useMediaUrl(mediaId: string | null | undefined, { thumbnail = false }: { thumbnail?: boolean } = {}) {
  const client = useParley();
  const { data, error, isLoading } = useQuery({
    queryKey: parleyKeys.media(mediaId ?? "", thumbnail),
    queryFn: () => client.mediaUrl(mediaId!, thumbnail),
    enabled: Boolean(mediaId),
    staleTime: Infinity,
    refetchInterval: ({ state }) =>
      state.data ? Math.max(1_000, Date.parse(state.data.expiresAt) - Date.now() - MEDIA_MARGIN_MS) : false,
  });
  return { url: data?.url ?? null, error: error as ApiError | null, isLoading };
}

/** The queues, for those who operate them; looked at every ten seconds. */
export function useQueues() {
  const client = useParley();
  const { data, error, isLoading } = useQuery({
    queryKey: parleyKeys.queues,
    queryFn: async () => (await client.request<{ data: QueueFigures[] }>("GET", "/v1/queues")).data,
    refetchInterval: QUEUES_MS,
    retry: false,
  });
  return { queues: data ?? [], error: error as ApiError | null, isLoading };
}

export interface QueueFigures {
  name: string; depth: number; inFlight: number; oldestAgeSeconds: number | null; ratePerMinute: number; errorRate: number;
  dead: number; paused: { since: string; reason: string } | null; sentence: string | null;
  series: { at: string; completed: number; failed: number }[];
}
