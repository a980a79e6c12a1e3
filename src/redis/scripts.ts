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

/**
 * Reads the lines of a hold (`wire/intents.ts`) but for those that have ended and that of one writer, and stores them again. A hold of the
 * whole model, whose end is its TTL, is a line as well. What is of another type is no hold, and is replaced.
 */
const LINES = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local function read(hold, member)
  local text = redis.pcall('GET', hold)
  local lines, own = {}, false
  if type(text) ~= 'string' then return lines, own end
  if not string.find(text, ' ', 1, true) then
    local left = redis.call('PTTL', hold)
    if left > 0 then lines[1] = {'hold', now + left, '*'} end
  else
    for who, till, keys in string.gmatch(text, '(%S+) (%d+) ([^\\n]*)') do
      if tonumber(till) <= now then
      elseif who == member then own = true
      else lines[#lines + 1] = {who, tonumber(till), keys} end
    end
  end
  return lines, own
end
local function names(lines, keys)
  for _, line in ipairs(lines) do
    for _, key in ipairs(keys) do
      if string.find(' ' .. line[3] .. ' ', ' ' .. key .. ' ', 1, true) then return true end
    end
  end
  return false
end
local function write(hold, lines)
  if #lines == 0 then return redis.call('DEL', hold) end
  local last, text = 0, {}
  for i, line in ipairs(lines) do
    last = math.max(last, line[2])
    text[i] = line[1] .. string.format(' %.0f ', line[2]) .. line[3]
  end
  return redis.pcall('SET', hold, table.concat(text, '\\n'), 'PX', string.format('%.0f', last - now))
end`

/**
 * The intent of a writer in strict mode, before its commit: nothing stays cached of what it makes stale, and until it is released, or ends,
 * reads go to the database and fill nothing. Once more with the same member prolongs it. Where the intent had been lost
 * meanwhile, what may have been filled is deleted again.
 *
 * For a write-through, a key that every other write to the row deletes gets a token that no load has, if no other writer has an intent
 * there: one that was first may commit last. The row is stamped with its epoch as it is here.
 *
 * KEYS[1..n] holds · KEYS[n+1..] keys to delete; with a token, the guarded key and the row's epoch are the last two, and the epoch is not
 * deleted · ARGV[1] n · ARGV[2] member · ARGV[3] life in ms · ARGV[4] its keys in a line · ARGV[5] token alone (20 bytes), or empty ·
 * ARGV[6] token of a new epoch · ARGV[7] life of a new epoch in ms · answers 1, or the epoch
 */
export const INTEND = `${LINES}
local count = tonumber(ARGV[1])
local isNew, isAlone = false, ARGV[5] ~= ''
for i = 1, count do
  local lines, own = read(KEYS[i], ARGV[2])
  isNew = isNew or not own
  if isAlone then isAlone = not names(lines, {'*', KEYS[#KEYS], KEYS[#KEYS - 1]}) end
  lines[#lines + 1] = {ARGV[2], now + ARGV[3], ARGV[4]}
  local reply = write(KEYS[i], lines)
  if reply.err then return reply end
end
if not isNew then return 1 end
local last = #KEYS
if ARGV[5] ~= '' then last = last - 1 end
for i = count + 1, last do redis.call('DEL', KEYS[i]) end
if not isAlone then return 1 end
redis.call('SET', KEYS[last], ARGV[5], 'PX', ARGV[3])
local epoch = redis.pcall('SET', KEYS[#KEYS], ARGV[6], 'NX', 'GET', 'PX', ARGV[7])
if type(epoch) == 'table' then return 1 end
return epoch or ARGV[6]`

/**
 * After the commit: takes the writer's own line off the holds, and deletes what it has made stale, as every write does. So an intent that was
 * lost leaves what a write in standard mode leaves. Lines of other writers stay.
 *
 * A row is stored only if the guarded key still holds the token of this writer's intent: then no other writer has had an intent there
 * since, and none has deleted anything. What Redis has no room for is deleted, and a line that can't be written ends by itself.
 *
 * KEYS[1..n] holds · KEYS[n+1..] keys to delete; with an entry, then the guarded key and the row's key · ARGV[1] n ·
 * ARGV[2] member · ARGV[3] entry, or empty · ARGV[4] format and token of the intent (19 bytes) · ARGV[5] TTL in ms · answers 1 if the row was
 * stored, else 0
 */
export const RELEASE = `${LINES}
local count, last = tonumber(ARGV[1]), #KEYS
local isStored = ARGV[3] ~= ''
if isStored then
  isStored = redis.pcall('GETRANGE', KEYS[last - 1], 1, 19) == ARGV[4]
  last = last - 2
end
for i = count + 1, last do redis.call('DEL', KEYS[i]) end
for i = 1, count do write(KEYS[i], (read(KEYS[i], ARGV[2]))) end
if not isStored then return 0 end
return redis.pcall('SET', KEYS[#KEYS], ARGV[3], 'PX', ARGV[5]).ok and 1 or 0`
