/** UUIDv7 (RFC 9562): a key that sorts by the time it was made. */

import type { Environment } from "./environment.ts";

export function uuid7(env: Environment): string {
  const bytes = new Uint8Array(16);
  env.fillRandom(bytes);
  let ms = Math.max(0, Math.floor(env.now()));
  for (let index = 5; index >= 0; index -= 1) {
    bytes[index] = ms % 256;
    ms = Math.floor(ms / 256);
  }
  bytes[6] = 0x70 | (bytes[6]! & 0x0f);
  bytes[8] = 0x80 | (bytes[8]! & 0x3f);
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
}
