/** Parley's realtime client. */

export { ParleyClient } from "./client.ts";
export { browserEnvironment, type Channel, type Environment, type SocketLike } from "./environment.ts";
export { FrameError } from "./link.ts";
export type { ClientEvents, ClientOptions, Metrics } from "./options.ts";
export type { OutboxItem, Question } from "./outbox_store.ts";
export { newestFirst } from "./reducer.ts";
export { ApiError, type TokenSource } from "./rest.ts";
export type * from "./types.ts";
