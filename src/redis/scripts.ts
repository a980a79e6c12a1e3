/**
 * The Lua that runs in Redis, with its KEYS, ARGV and the race that it closes. Sent whole, by `EVAL`: it is short, and a
 * flushed script cache is then nothing special.
 */

/**
 * Stores an entry only if its key still holds the token that was read before the load: a write that landed while we were
 * loading has deleted it, and so has an eviction, a `FLUSHALL` or a restart.
 *
 * KEYS[1] entry key · ARGV[1] format and token as read before the load (19 bytes) · ARGV[2] entry · ARGV[3] TTL in ms ·
 * answers 1 if stored, else 0
 */
export const FILL = `
if redis.call('GETRANGE', KEYS[1], 1, 19) ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
return 1`

/**
 * Extends the life of a token, only if the key still holds exactly this token and no entry. A token that was deleted or replaced belongs
 * to a load that may not fill any more, and an entry ends at its own TTL.
 *
 * KEYS[1] key under load · ARGV[1] token alone (20 bytes; one byte more is read, so that an entry, which is longer, does not match) · ARGV[2] life in ms · answers 1 if it lives on, else 0
 */
export const RENEW = `
if redis.call('GETRANGE', KEYS[1], 0, 20) ~= ARGV[1] then return 0 end
return redis.call('PEXPIRE', KEYS[1], ARGV[2])`

/**
 * Replaces the token of a load that was waited for in vain, only if the key still holds exactly this token and no entry: of all processes
 * that have waited, one goes on, and the others wait for it.
 *
 * KEYS[1] key under load · ARGV[1] token alone (20 bytes) · ARGV[2] new token · ARGV[3] its life in ms · answers 1 if it was replaced, else 0
 */
export const TAKE_OVER = `
if redis.call('GETRANGE', KEYS[1], 0, 20) ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
return 1`
