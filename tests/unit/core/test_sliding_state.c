/* core/sync: what a connection of sliding sync was told, as bytes and back. */
#include "base/test.h"

#include "core/sync/sliding_state_int.h"

static struct arena arena;

static int set_up(void **state)
{
	(void)state;
	arena_init(&arena, 64 * MEBIBYTE);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	arena_release(&arena);
	return 0;
}

static str bytes_of(const struct told_state *state)
{
	struct buf out;
	buf_init(&out, &arena, MEBIBYTE);
	told_state_put(&out, state);
	assert_rc(buf_status(&out), RC_OK);
	return buf_str(&out);
}

static const struct told_room samples[] = {
    {1, TOLD_ROOM, false, TOLD_LIVE, TOLD_LIVE, TOLD_LIVE, 1, 20},
    {2, TOLD_STRIPPED, true, TOLD_LIVE, TOLD_NEVER, TOLD_NEVER, 0, 0},
    {3, TOLD_ENDED, false, 7, TOLD_NEVER, 9, UINT64_MAX, 100},
    {200, TOLD_NOTHING, false, TOLD_NEVER, 5, TOLD_NEVER, 0, 0},
    {1 << 20, TOLD_ROOM, true, INT64_MAX, INT64_MAX, 0, UINT64_C(1) << 63, INT64_MAX},
    {INT64_MAX, TOLD_ROOM, false, 0, TOLD_NEVER, TOLD_LIVE, 3, 1},
};

static struct told_state sample(struct told_room *rooms)
{
	struct told_state state;
	told_state_init(&state);
	memcpy(rooms, samples, sizeof samples);
	state.account_data_upto = 12345;
	state.device_lists_upto = TOLD_LIVE;
	state.wishes[0] = STR("w");
	state.wishes[1] = STR("l+=*1:t0:");
	state.wishes[2] = STR("");
	state.wish_count = 3;
	state.rooms = rooms;
	state.room_count = COUNT_OF(samples);
	return state;
}

static void assert_same_room(const struct told_room *a, const struct told_room *b)
{
	assert_true(
	    a->room == b->room && a->kind == b->kind && a->is_dm == b->is_dm && a->upto == b->upto);
	assert_true(
	    a->account_data_upto == b->account_data_upto && a->receipts_upto == b->receipts_upto);
	assert_true(a->wishes == b->wishes && a->timeline_limit == b->timeline_limit);
}

static void there_and_back(void **state)
{
	(void)state;
	struct told_room rooms[COUNT_OF(samples)];
	struct told_state written = sample(rooms), read;
	str bytes = bytes_of(&written);
	assert_rc(told_state_read(&arena, bytes, &read), RC_OK);
	assert_int_equal(read.account_data_upto, 12345);
	assert_int_equal(read.device_lists_upto, TOLD_LIVE);
	assert_int_equal(read.wish_count, 3);
	for (size_t i = 0; i < read.wish_count; i++)
		assert_str(read.wishes[i], written.wishes[i]);
	assert_int_equal(read.room_count, COUNT_OF(samples));
	for (size_t i = 0; i < COUNT_OF(samples); i++) {
		assert_same_room(&read.rooms[i], &samples[i]);
		assert_ptr_equal(told_state_room(&read, samples[i].room), &read.rooms[i]);
	}
	assert_null(told_state_room(&read, 4));
	assert_null(told_state_room(&read, 0));
	assert_str(bytes_of(&read), bytes);
}

static void of_nothing_nothing_is_kept(void **state)
{
	(void)state;
	struct told_state empty, read;
	told_state_init(&empty);
	str bytes = bytes_of(&empty);
	assert_rc(told_state_read(&arena, bytes, &read), RC_OK);
	assert_int_equal(read.room_count, 0);
	assert_int_equal(read.account_data_upto, TOLD_NEVER);
	struct told_room rooms[] = {
	    {5, TOLD_NOTHING, false, TOLD_NEVER, TOLD_NEVER, TOLD_NEVER, 0, 0}};
	empty.rooms = rooms;
	empty.room_count = 1;
	assert_str(bytes_of(&empty), bytes);
}

/* A room of a connection that shows all takes a few bytes. */
static void it_is_small(void **state)
{
	(void)state;
	enum { ROOMS = 2000 };
	struct told_room *rooms = arena_array(&arena, struct told_room, ROOMS);
	struct told_state told;
	told_state_init(&told);
	for (size_t i = 0; i < ROOMS; i++)
		rooms[i] = (struct told_room){
		    (int64_t)(i + 1) * 3, TOLD_ROOM, false, TOLD_LIVE, TOLD_LIVE, TOLD_LIVE, 1, 1};
	told.rooms = rooms;
	told.room_count = ROOMS;
	assert_true(bytes_of(&told).n < ROOMS * 5);
}

/* Cut anywhere, or with any byte changed, it is refused or is another state; never more than that. */
static void damage_is_refused(void **state)
{
	(void)state;
	struct told_room rooms[COUNT_OF(samples)];
	struct told_state written = sample(rooms), read;
	str bytes = bytes_of(&written);
	char *copy = arena_cstr(&arena, bytes);
	assert_rc(told_state_read(&arena, STR_EMPTY, &read), RC_CORRUPT);
	for (size_t n = 0; n < bytes.n; n++) {
		enum rc rc = told_state_read(&arena, str_first(bytes, n), &read);
		assert_true(rc == RC_OK || rc == RC_CORRUPT);
		assert_true(rc == RC_CORRUPT || read.room_count < COUNT_OF(samples));
	}
	for (size_t i = 0; i < bytes.n; i++)
		for (int byte = 0; byte < 256; byte++) {
			char kept = copy[i];
			copy[i] = (char)byte;
			enum rc rc = told_state_read(&arena, str_bytes(copy, bytes.n), &read);
			copy[i] = kept;
			assert_true(rc == RC_OK || rc == RC_CORRUPT);
			for (size_t j = 1; rc == RC_OK && j < read.room_count; j++)
				assert_true(read.rooms[j].room > read.rooms[j - 1].room);
		}
}

static void without_memory(void **state)
{
	(void)state;
	struct told_room rooms[COUNT_OF(samples)];
	struct told_state written = sample(rooms), read;
	str bytes = bytes_of(&written);
	struct arena CLEANUP(arena_release) small;
	arena_init(&small, 16);
	assert_rc(told_state_read(&small, bytes, &read), RC_BUDGET);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(there_and_back),
	    cmocka_unit_test(of_nothing_nothing_is_kept),
	    cmocka_unit_test(it_is_small),
	    cmocka_unit_test(damage_is_refused),
	    cmocka_unit_test(without_memory),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
