/*
 * The input is all that one side of a link receives. Each frame that is read is written again as the same bytes; what is
 * cut off before its end is never whole, nor broken; and nothing is asked for that the limits do not allow.
 */
#include "fuzz.h"
#include "net/link_frames.h"

#include <string.h>

static void whole_holds(struct arena *arena, str bytes, const struct link_frame *frame)
{
	struct buf out;
	buf_init(&out, arena, LINK_FRAME_MAX_BYTES);
	HOLDS(link_frame_put(&out, frame) == RC_OK);
	HOLDS(str_eq(buf_str(&out), bytes));
	/* In a few places: each byte of a long frame would take too long. */
	for (size_t n = 0; n < bytes.n; n += 1 + bytes.n / 16) {
		struct link_frame part;
		size_t needed = 0;
		str cursor = str_first(bytes, n);
		HOLDS(link_frame_take(&cursor, LINK_FRAME_MAX_BYTES, &part, &needed) == LINK_PART);
		HOLDS(cursor.n == n && needed > n && needed <= bytes.n);
	}
}

static void stream_holds(struct arena *arena, str input, size_t max_bytes)
{
	str cursor = input;
	struct link_frame frame;
	size_t needed = 0;
	enum link_verdict verdict;
	for (;;) {
		str before = cursor;
		verdict = link_frame_take(&cursor, max_bytes, &frame, &needed);
		if (verdict != LINK_WHOLE) {
			HOLDS(cursor.n == before.n);
			break;
		}
		HOLDS(before.n - cursor.n <= max_bytes);
		whole_holds(arena, str_first(before, before.n - cursor.n), &frame);
		arena_clear(arena);
	}
	HOLDS(verdict != LINK_PART || (needed > cursor.n && (needed <= max_bytes || needed == LINK_LENGTH_BYTES)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena arena CLEANUP(arena_release);
	arena_init(&arena, FUZZ_ARENA_BYTES);
	stream_holds(&arena, str_bytes(data, size), LINK_FRAME_MAX_BYTES);
	stream_holds(&arena, str_bytes(data, size), LINK_HELLO_MAX_BYTES);
	return 0;
}
