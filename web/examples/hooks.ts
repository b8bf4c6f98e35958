/** What hooks.html takes from packages, in one file: a page of your own has a bundler for that. */

export { ParleyClient } from "@parley/client";
export { ParleyProvider, useConnection, useConversations, useMessages, usePresence, useSendMessage, useTyping } from "@parley/react";
export { QueryClient, QueryClientProvider } from "@tanstack/react-query";
export { createElement, useState } from "react";
export { createRoot } from "react-dom/client";
