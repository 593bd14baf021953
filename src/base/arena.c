#include "base/arena.h"

#include "base/arena_int.h"
#include "base/assert.h"

#include <stdalign.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CHUNK_FIRST_BYTES = 4096, CHUNK_MAX_BYTES = 256 * 1024 };

struct arena_chunk {
	struct arena_chunk *older;
	size_t size_bytes; /* of `data` */
	alignas(max_align_t) char data[];
};

static _Thread_local int64_t fail_countdown = -1;

void arena_fail_after(int64_t countdown)
{
	fail_countdown = countdown;
}

bool allocation_must_fail(void)
{
	if (fail_countdown < 0)
		return false;
	if (fail_countdown == 0)
		return true;
	fail_countdown--;
	return false;
}

void arena_init(struct arena *arena, size_t budget_bytes)
{
	*arena = (struct arena){.budget_bytes = budget_bytes};
}

static void chunks_free(struct arena_chunk *chunk)
{
	while (chunk) {
		struct arena_chunk *older = chunk->older;
		free(chunk);
		chunk = older;
	}
}

void arena_clear(struct arena *arena)
{
	struct arena_chunk *kept = arena->chunks;
#ifdef EXEUNT_ARENA_MALLOC
	chunks_free(kept);
	kept = NULL;
#endif
	if (kept && kept->size_bytes > CHUNK_MAX_BYTES) {
		chunks_free(kept); /* one large request must not stay in an idle connection */
		kept = NULL;
	}
	if (kept) {
		chunks_free(TAKE(kept->older));
		arena->next = kept->data;
		arena->end = kept->data + kept->size_bytes;
	} else {
		arena->next = arena->end = NULL;
	}
	arena->chunks = kept;
	arena->used_bytes = 0;
	arena->status = RC_OK;
}

void arena_release(struct arena *arena)
{
	chunks_free(arena->chunks);
	arena_init(arena, arena->budget_bytes);
}

enum rc arena_status(const struct arena *arena)
{
	return arena->status;
}

/* What an allocation takes in its chunk; `bytes` is at most PTRDIFF_MAX. */
static size_t rounded(size_t bytes)
{
	if (bytes == 0)
		bytes = 1;
#ifdef EXEUNT_ARENA_MALLOC
	return bytes; /* exact, so that the first byte beyond it is poisoned */
#else
	return (bytes + alignof(max_align_t) - 1) & ~(alignof(max_align_t) - 1);
#endif
}

static bool chunk_add(struct arena *arena, size_t at_least_bytes)
{
	size_t size = arena->chunks ? arena->chunks->size_bytes * 2 : CHUNK_FIRST_BYTES;
#ifdef EXEUNT_ARENA_MALLOC
	size = 0;
#endif
	if (size > CHUNK_MAX_BYTES)
		size = CHUNK_MAX_BYTES;
	if (size < at_least_bytes)
		size = at_least_bytes;
	struct arena_chunk *chunk = malloc(sizeof *chunk + size);
	if (!chunk)
		return false;
	chunk->older = arena->chunks;
	chunk->size_bytes = size;
	arena->chunks = chunk;
	arena->next = chunk->data;
	arena->end = chunk->data + size;
	return true;
}

static void *fail_with(struct arena *arena, enum rc rc)
{
	if (arena->status == RC_OK)
		arena->status = rc;
	return NULL;
}

void *arena_alloc(struct arena *arena, size_t size_bytes)
{
	if (arena->status != RC_OK)
		return NULL;
	if (size_bytes > arena->budget_bytes - arena->used_bytes || size_bytes > PTRDIFF_MAX)
		return fail_with(arena, RC_BUDGET);
	if (allocation_must_fail())
		return fail_with(arena, RC_NOMEM);
	size_t bytes = rounded(size_bytes);
	if ((size_t)(arena->end - arena->next) < bytes && !chunk_add(arena, bytes))
		return fail_with(arena, RC_NOMEM);
	char *p = arena->next;
	arena->next += bytes;
	arena->used_bytes += size_bytes;
	return p;
}

void *arena_alloc_zero(struct arena *arena, size_t count, size_t size_bytes)
{
	size_t bytes;
	if (__builtin_mul_overflow(count, size_bytes, &bytes))
		return fail_with(arena, RC_BUDGET);
	void *p = arena_alloc(arena, bytes);
	return p ? memset(p, 0, bytes) : NULL;
}

void *arena_grow(struct arena *arena, void *old, size_t old_bytes, size_t new_bytes)
{
	ASSERT(new_bytes >= old_bytes);
#ifndef EXEUNT_ARENA_MALLOC
	size_t extra = new_bytes > PTRDIFF_MAX ? SIZE_MAX : rounded(new_bytes) - rounded(old_bytes);
	bool newest = old && (char *)old + rounded(old_bytes) == arena->next;
	if (newest && arena->status == RC_OK && (size_t)(arena->end - arena->next) >= extra &&
	    new_bytes - old_bytes <= arena->budget_bytes - arena->used_bytes) {
		arena->next += extra;
		arena->used_bytes += new_bytes - old_bytes;
		return old;
	}
#endif
	void *p = arena_alloc(arena, new_bytes);
	if (p && old && old_bytes)
		memcpy(p, old, old_bytes);
	return p;
}

/* Behind the newest chunk, which goes on to be filled. */
void arena_absorb(struct arena *arena, struct arena *from)
{
	struct arena_chunk **end = &from->chunks;
	if (!from->chunks)
		return;
	if (arena->chunks) {
		while (*end)
			end = &(*end)->older;
		*end = arena->chunks->older;
		arena->chunks->older = TAKE(from->chunks);
	} else {
		arena->chunks = TAKE(from->chunks);
		arena->next = from->next;
		arena->end = from->end;
	}
	arena_init(from, from->budget_bytes);
}

str arena_dup(struct arena *arena, str s)
{
	char *p = arena_alloc(arena, s.n);
	if (!p)
		return STR_EMPTY;
	if (s.n)
		memcpy(p, s.p, s.n);
	return (str){p, s.n};
}

char *arena_cstr(struct arena *arena, str s)
{
	char *p = s.n < SIZE_MAX ? arena_alloc(arena, s.n + 1) : NULL;
	if (!p)
		return NULL;
	if (s.n)
		memcpy(p, s.p, s.n);
	p[s.n] = '\0';
	return p;
}

str arena_printf(struct arena *arena, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	int n = vsnprintf(NULL, 0, format, args);
	va_end(args);
	char *p = n < 0 ? NULL : arena_alloc(arena, (size_t)n + 1);
	if (!p)
		return STR_EMPTY;
	va_start(args, format);
	vsnprintf(p, (size_t)n + 1, format, args);
	va_end(args);
	return (str){p, (size_t)n};
}
