/** Gives a tree of components its client. */

import type { ParleyClient } from "@parley/client";
import { useQueryClient } from "@tanstack/react-query";
import { createContext, createElement, useContext, useEffect, type ReactNode } from "react";
import { bind } from "./binding.ts";

const Context = createContext<ParleyClient | null>(null);

/** Online while it is mounted. Stands inside TanStack Query's `QueryClientProvider`. */
export function ParleyProvider({ client, children }: { client: ParleyClient; children?: ReactNode }): ReactNode {
  const cache = useQueryClient();
  useEffect(() => {
    const unbind = bind(client, cache);
    client.connect();
    return () => {
      client.close();
      unbind();
    };
  }, [client, cache]);
  return createElement(Context.Provider, { value: client }, children);
}

/** The client itself, for what no hook does. */
export function useParley(): ParleyClient {
  const client = useContext(Context);
  if (!client) throw new Error("There is no <ParleyProvider> around this component.");
  return client;
}
