/*
 * Arenas: transient memory with one lifetime (connection, request, scratch) and a byte budget.
 *
 * An arena is a parameter, never hidden. Failure is sticky: after the budget is spent or malloc
 * fails, every allocation gives NULL (an empty slice) and arena_status() tells which; check it once
 * before a result escapes. Memory is not zeroed unless the name says so. One thread at a time.
 * With the build option arena_malloc each allocation is its own malloc, so that sanitizers see overruns.
 */
#ifndef EXEUNT_BASE_ARENA_H
#define EXEUNT_BASE_ARENA_H

#include "base/rc.h"
#include "base/str.h"

#include <stddef.h>

struct arena_chunk;

struct arena {
	struct arena_chunk *chunks; /* newest first */
	char *next, *end;           /* free part of the newest chunk */
	size_t used_bytes;          /* handed out, for the budget */
	size_t budget_bytes;
	enum rc status;             /* RC_OK, RC_BUDGET or RC_NOMEM; sticky until cleared */
};

void arena_init(struct arena *arena, size_t budget_bytes);
void arena_clear(struct arena *arena);   /* forgets everything, keeps one chunk, status RC_OK */
void arena_release(struct arena *arena); /* gives all memory back; may be initialised again */

MUST_CHECK enum rc arena_status(const struct arena *arena);

/* `size_bytes` bytes aligned for any object, or NULL. */
void *arena_alloc(struct arena *arena, size_t size_bytes);
void *arena_alloc_zero(struct arena *arena, size_t count, size_t size_bytes);

#define arena_new(arena, type) ((type *)arena_alloc_zero((arena), 1, sizeof(type)))
#define arena_array(arena, type, count) ((type *)arena_alloc_zero((arena), (count), sizeof(type)))

/* Grows the newest allocation in place where possible, else copies. NULL when it fails. */
void *arena_grow(struct arena *arena, void *old, size_t old_bytes, size_t new_bytes);

/* All that `from` holds is the arena's from now on, where it stands, outside its budget; `from` is empty afterwards. */
void arena_absorb(struct arena *arena, struct arena *from);

str arena_dup(struct arena *arena, str s);
char *arena_cstr(struct arena *arena, str s);   /* NUL-terminated copy, or NULL */
str arena_printf(struct arena *arena, const char *format, ...) PRINTF(2, 3);

/* Scratch arenas on the stack: struct arena CLEANUP(arena_release) scratch; arena_init(&scratch, …) */

/* Makes every later allocation in this thread fail after `countdown` more; 0 fails at once, negative is off. Tests only. */
void arena_fail_after(int64_t countdown);

#endif
