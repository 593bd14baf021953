/* Frames: each is read as it was written, whatever it is cut into, and nothing else is read. */
#include "base/test.h"

#include "net/link_frames.h"

#include <stdlib.h>

static const struct link_frame samples[] = {
	{.kind = LINK_HELLO, .u.hello = {LINK_VERSION, STR_INIT("secret")}},
	{.kind = LINK_HELLO, .u.hello = {255, {0}}},
	{.kind = LINK_REQUEST, .id = UINT64_MAX, .u.request = {
		.method = STR_INIT("PUT"), .path = STR_INIT("/_matrix/client/v3/join/#a:x%23"), .query = STR_INIT("via=a&via=b"),
		.authorization = STR_INIT("Bearer token"), .content_type = STR_INIT("application/json"),
		.client_address = STR_INIT("2001:db8::1"), .body = STR_INIT("{\"body\":\"\0\"}")}},
	{.kind = LINK_REQUEST, .id = 0},
	{.kind = LINK_ANSWER, .id = 258, .u.answer = {429, STR_INIT("17"), STR_INIT("{}")}},
	{.kind = LINK_ANSWER, .id = 1, .u.answer = {0, {0}, {0}}},
};

static struct arena arena;

static int setup(void **state)
{
	(void)state;
	arena_init(&arena, 64 * MEBIBYTE);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	arena_release(&arena);
	return 0;
}

static str written(const struct link_frame *frame)
{
	struct buf out;
	buf_init(&out, &arena, 8 * MEBIBYTE);
	assert_rc(link_frame_put(&out, frame), RC_OK);
	return buf_str(&out);
}

static void assert_same(const struct link_frame *a, const struct link_frame *b)
{
	assert_int_equal(a->kind, b->kind);
	assert_true(a->kind == LINK_HELLO || a->id == b->id);
	switch (a->kind) {
	case LINK_HELLO:
		assert_int_equal(a->u.hello.version, b->u.hello.version);
		assert_str(a->u.hello.secret, b->u.hello.secret);
		break;
	case LINK_REQUEST:
		assert_str(a->u.request.method, b->u.request.method);
		assert_str(a->u.request.path, b->u.request.path);
		assert_str(a->u.request.query, b->u.request.query);
		assert_str(a->u.request.authorization, b->u.request.authorization);
		assert_str(a->u.request.content_type, b->u.request.content_type);
		assert_str(a->u.request.client_address, b->u.request.client_address);
		assert_str(a->u.request.body, b->u.request.body);
		break;
	case LINK_ANSWER:
		assert_int_equal(a->u.answer.status, b->u.answer.status);
		assert_str(a->u.answer.retry_after, b->u.answer.retry_after);
		assert_str(a->u.answer.body, b->u.answer.body);
		break;
	}
}

/* Cut behind each byte, with something else behind it, and exact, so that an overrun is seen by ASan. */
static void a_frame_is_read_as_it_was_written(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(samples); i++) {
		str whole = written(&samples[i]);
		for (size_t n = 0; n < whole.n; n++) {
			char *part = malloc(n + 1);
			memcpy(part, whole.p, n);
			str cursor = {part, n};
			struct link_frame frame;
			size_t needed = 0;
			assert_int_equal(link_frame_take(&cursor, LINK_FRAME_MAX_BYTES, &frame, &needed), LINK_PART);
			assert_int_equal(needed, n < LINK_LENGTH_BYTES ? LINK_LENGTH_BYTES : whole.n);
			assert_ptr_equal(cursor.p, part);
			assert_int_equal(cursor.n, n);
			free(part);
		}
		char *more = malloc(whole.n + 3);
		memcpy(more, whole.p, whole.n);
		memcpy(more + whole.n, "\0\0\0", 3);
		str cursor = {more, whole.n + 3};
		struct link_frame frame;
		size_t needed = 77;
		assert_int_equal(link_frame_take(&cursor, whole.n, &frame, &needed), LINK_WHOLE);
		assert_same(&frame, &samples[i]);
		assert_int_equal(cursor.n, 3);
		assert_int_equal(needed, 77);
		free(more);
	}
}

static void frames_follow_each_other(void **state)
{
	(void)state;
	struct buf out;
	buf_init(&out, &arena, MEBIBYTE);
	for (size_t i = 0; i < COUNT_OF(samples); i++)
		assert_rc(link_frame_put(&out, &samples[i]), RC_OK);
	str cursor = buf_str(&out);
	for (size_t i = 0; i < COUNT_OF(samples); i++) {
		struct link_frame frame;
		size_t needed;
		assert_int_equal(link_frame_take(&cursor, LINK_FRAME_MAX_BYTES, &frame, &needed), LINK_WHOLE);
		assert_same(&frame, &samples[i]);
	}
	assert_int_equal(cursor.n, 0);
}

static str *field_of(struct link_frame *frame, size_t number)
{
	str *const fields[] = {
		&frame->u.request.method, &frame->u.request.path, &frame->u.request.query, &frame->u.request.authorization,
		&frame->u.request.content_type, &frame->u.request.client_address, &frame->u.request.body,
	};
	return fields[number];
}

static void each_field_has_its_limit(void **state)
{
	(void)state;
	static const size_t limits[] = {LINK_METHOD_MAX_BYTES, LINK_HEAD_MAX_BYTES, LINK_HEAD_MAX_BYTES, LINK_HEAD_MAX_BYTES,
		LINK_HEAD_MAX_BYTES, LINK_ADDRESS_MAX_BYTES, LINK_BODY_MAX_BYTES};
	str many = {arena_alloc_zero(&arena, 1, LINK_BODY_MAX_BYTES + 1), LINK_BODY_MAX_BYTES + 1};
	struct link_frame all = {.kind = LINK_REQUEST}, frame;
	struct buf out;
	size_t needed;
	buf_init(&out, &arena, 8 * MEBIBYTE);
	for (size_t i = 0; i < COUNT_OF(limits); i++) {
		struct link_frame longer = {.kind = LINK_REQUEST};
		*field_of(&all, i) = str_first(many, limits[i]);
		*field_of(&longer, i) = str_first(many, limits[i] + 1);
		assert_rc(link_frame_put(&out, &longer), RC_TOO_LARGE);
		assert_rc(buf_status(&out), RC_OK);
		assert_int_equal(out.n, 0);
	}
	const struct link_frame secret = {.kind = LINK_HELLO, .u.hello = {1, str_first(many, LINK_SECRET_MAX_BYTES + 1)}};
	const struct link_frame retry = {
		.kind = LINK_ANSWER, .u.answer = {200, str_first(many, LINK_RETRY_AFTER_MAX_BYTES + 1), {0}}};
	assert_rc(link_frame_put(&out, &secret), RC_TOO_LARGE);
	assert_rc(link_frame_put(&out, &retry), RC_TOO_LARGE);
	str cursor = written(&all);
	assert_int_equal(cursor.n, LINK_FRAME_MAX_BYTES); /* the longest of all */
	assert_int_equal(link_frame_take(&cursor, LINK_FRAME_MAX_BYTES, &frame, &needed), LINK_WHOLE);
	assert_same(&frame, &all);
	const struct link_frame hello = {.kind = LINK_HELLO, .u.hello = {1, str_first(many, LINK_SECRET_MAX_BYTES)}};
	cursor = written(&hello);
	assert_int_equal(link_frame_take(&cursor, LINK_HELLO_MAX_BYTES, &frame, &needed), LINK_WHOLE);
}

static void what_is_no_frame_is_broken(void **state)
{
	(void)state;
	static const struct {
		const char *what;
		str bytes;
	} rows[] = {
		{"no kind", STR_INIT("\0\0\0\0")},
		{"kind 0", STR_INIT("\0\0\0\6\0\1\0\0\0\0")},
		{"kind 4", STR_INIT("\0\0\0\6\4\1\0\0\0\0")},
		{"HELLO without a version", STR_INIT("\0\0\0\1\1")},
		{"HELLO without a secret", STR_INIT("\0\0\0\2\1\1")},
		{"half a length", STR_INIT("\0\0\0\4\1\1\0\0")},
		{"a field that ends behind the frame", STR_INIT("\0\0\0\6\1\1\0\0\0\1x")},
		{"something behind the last field", STR_INIT("\0\0\0\7\1\1\0\0\0\0x")},
		{"a field of 4 GiB", STR_INIT("\0\0\0\6\1\1\377\377\377\377")},
		{"half an id", STR_INIT("\0\0\0\5\2\0\0\0\0")},
		{"an answer without a status", STR_INIT("\0\0\0\11\3\0\0\0\0\0\0\0\1")},
		{"status 1000", STR_INIT("\0\0\0\23\3\0\0\0\0\0\0\0\1\3\350\0\0\0\0\0\0\0\0")},
		{"a request with five fields", STR_INIT("\0\0\0\35\2\0\0\0\0\0\0\0\1\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0")},
		{"a frame of 4 GiB", STR_INIT("\377\377\377\377")},
	};
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		str cursor = rows[i].bytes;
		struct link_frame frame = {.id = 99};
		size_t needed;
		if (link_frame_take(&cursor, LINK_FRAME_MAX_BYTES, &frame, &needed) != LINK_BROKEN)
			fail_msg("%s", rows[i].what);
		assert_int_equal(frame.id, 99);
		assert_ptr_equal(cursor.p, rows[i].bytes.p);
	}
}

/* Told by the length alone: nothing of it is waited for. */
static void a_frame_has_a_limit_of_its_own(void **state)
{
	(void)state;
	str whole = written(&samples[2]);
	struct link_frame frame;
	size_t needed;
	for (size_t max = 0; max < whole.n; max++) {
		str cursor = str_first(whole, LINK_LENGTH_BYTES);
		assert_int_equal(link_frame_take(&cursor, max, &frame, &needed), LINK_BROKEN);
	}
	str cursor = str_first(whole, LINK_LENGTH_BYTES);
	assert_int_equal(link_frame_take(&cursor, whole.n, &frame, &needed), LINK_PART);
}

static void no_memory(void **state)
{
	(void)state;
	for (int64_t countdown = 0;; countdown++) {
		struct arena small CLEANUP(arena_release);
		struct buf out;
		arena_init(&small, MEBIBYTE);
		buf_init(&out, &small, MEBIBYTE);
		arena_fail_after(countdown);
		enum rc rc = link_frame_put(&out, &samples[2]);
		arena_fail_after(-1);
		if (rc == RC_OK)
			break;
		assert_int_equal(rc, RC_NOMEM);
	}
	struct buf out;
	buf_init(&out, &arena, 20);
	assert_rc(link_frame_put(&out, &samples[2]), RC_TOO_LARGE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_frame_is_read_as_it_was_written),
		cmocka_unit_test(frames_follow_each_other),
		cmocka_unit_test(each_field_has_its_limit),
		cmocka_unit_test(what_is_no_frame_is_broken),
		cmocka_unit_test(a_frame_has_a_limit_of_its_own),
		cmocka_unit_test(no_memory),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
