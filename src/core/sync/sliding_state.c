/*
 * The form: its number, the two global positions, the wishes, then the rooms. A room is the step to its number, one byte that says what
 * follows, its limit and wishes, and those positions that are neither never nor live. Numbers are varints of 7 bits a byte, lowest first.
 */
#include "core/sync/sliding_state_int.h"

enum { FORM = 1, VARINT_MAX_BYTES = 10 };

enum {
	BITS_KIND = 3,
	BIT_DM = 4,
	SHIFT_UPTO = 3,
	BIT_POS = 8,
	SHIFT_ACCOUNT_DATA = 4,
	SHIFT_RECEIPTS = 6
};

enum { MARK_NEVER, MARK_LIVE, MARK_POS };

void told_state_init(struct told_state *state)
{
	*state =
	    (struct told_state){.account_data_upto = TOLD_NEVER, .device_lists_upto = TOLD_NEVER};
}

/* ---- writing ---- */

static void put_number(struct buf *out, uint64_t number)
{
	for (; number >= 0x80; number >>= 7)
		buf_putc(out, (char)(unsigned char)(number | 0x80));
	buf_putc(out, (char)(unsigned char)number);
}

static unsigned mark_of(int64_t upto)
{
	return upto == TOLD_NEVER ? MARK_NEVER : upto == TOLD_LIVE ? MARK_LIVE : MARK_POS;
}

static void put_upto(struct buf *out, int64_t upto)
{
	put_number(out, mark_of(upto));
	if (upto >= 0)
		put_number(out, (uint64_t)upto);
}

static bool is_worth_keeping(const struct told_room *room)
{
	return room->kind != TOLD_NOTHING || room->account_data_upto != TOLD_NEVER ||
	       room->receipts_upto != TOLD_NEVER;
}

static void put_room(struct buf *out, const struct told_room *room, int64_t before)
{
	unsigned bits = (unsigned)room->kind | (room->is_dm ? BIT_DM : 0) |
			(room->upto >= 0 ? BIT_POS : 0) |
			mark_of(room->account_data_upto) << SHIFT_ACCOUNT_DATA |
			mark_of(room->receipts_upto) << SHIFT_RECEIPTS;
	put_number(out, (uint64_t)(room->room - before));
	buf_putc(out, (char)(unsigned char)bits);
	put_number(out, (uint64_t)room->timeline_limit);
	put_number(out, room->wishes);
	if (room->upto >= 0)
		put_number(out, (uint64_t)room->upto);
	if (room->account_data_upto >= 0)
		put_number(out, (uint64_t)room->account_data_upto);
	if (room->receipts_upto >= 0)
		put_number(out, (uint64_t)room->receipts_upto);
}

void told_state_put(struct buf *out, const struct told_state *state)
{
	int64_t before = 0;
	buf_putc(out, FORM);
	put_upto(out, state->account_data_upto);
	put_upto(out, state->device_lists_upto);
	put_number(out, state->wish_count);
	for (size_t i = 0; i < state->wish_count; i++) {
		put_number(out, state->wishes[i].n);
		buf_put(out, state->wishes[i]);
	}
	for (size_t i = 0; i < state->room_count; i++) {
		const struct told_room *room = &state->rooms[i];
		if (!is_worth_keeping(room))
			continue;
		put_room(out, room, before);
		before = room->room;
	}
}

/* ---- reading ---- */

static bool take_number(str *cursor, uint64_t *ret_number)
{
	uint64_t number = 0;
	for (size_t i = 0; i < VARINT_MAX_BYTES && i < cursor->n; i++) {
		unsigned char byte = (unsigned char)cursor->p[i];
		number |= (uint64_t)(byte & 0x7f) << (7 * i);
		if (byte < 0x80) {
			*cursor = str_from(*cursor, i + 1);
			*ret_number = number;
			return true;
		}
	}
	return false;
}

static bool take_i64(str *cursor, int64_t *ret_number)
{
	uint64_t number;
	if (!take_number(cursor, &number) || number > INT64_MAX)
		return false;
	*ret_number = (int64_t)number;
	return true;
}

static bool take_marked(str *cursor, unsigned mark, int64_t *ret_upto)
{
	*ret_upto = mark == MARK_LIVE ? TOLD_LIVE : TOLD_NEVER;
	return mark < MARK_POS || (mark == MARK_POS && take_i64(cursor, ret_upto));
}

static bool take_upto(str *cursor, int64_t *ret_upto)
{
	uint64_t mark;
	return take_number(cursor, &mark) && mark <= MARK_POS &&
	       take_marked(cursor, (unsigned)mark, ret_upto);
}

static bool take_wishes(str *cursor, struct told_state *state)
{
	uint64_t count, bytes;
	if (!take_number(cursor, &count) || count > WISHES_MAX)
		return false;
	for (size_t i = 0; i < count; i++) {
		if (!take_number(cursor, &bytes) || bytes > cursor->n)
			return false;
		state->wishes[i] = str_first(*cursor, (size_t)bytes);
		*cursor = str_from(*cursor, (size_t)bytes);
	}
	state->wish_count = (size_t)count;
	return true;
}

static bool take_room(str *cursor, int64_t before, struct told_room *room)
{
	int64_t step;
	if (!take_i64(cursor, &step) || step < 1 || step > INT64_MAX - before || cursor->n == 0)
		return false;
	unsigned bits = (unsigned char)cursor->p[0];
	*cursor = str_from(*cursor, 1);
	room->room = before + step;
	room->kind = (enum told_kind)(bits & BITS_KIND);
	room->is_dm = (bits & BIT_DM) != 0;
	unsigned upto = bits & BIT_POS               ? MARK_POS
			: room->kind == TOLD_NOTHING ? MARK_NEVER
						     : MARK_LIVE;
	return take_i64(cursor, &room->timeline_limit) && take_number(cursor, &room->wishes) &&
	       take_marked(cursor, upto, &room->upto) &&
	       take_marked(cursor, bits >> SHIFT_ACCOUNT_DATA & 3, &room->account_data_upto) &&
	       take_marked(cursor, bits >> SHIFT_RECEIPTS & 3, &room->receipts_upto);
}

/* A room takes four bytes at least. */
enum { ROOM_MIN_BYTES = 4 };

enum rc told_state_read(struct arena *arena, str bytes, struct told_state *ret_state)
{
	struct told_state state;
	str rest = str_from(bytes, 1);
	told_state_init(&state);
	if (bytes.n == 0 || bytes.p[0] != FORM || !take_upto(&rest, &state.account_data_upto) ||
	    !take_upto(&rest, &state.device_lists_upto) || !take_wishes(&rest, &state))
		return RC_CORRUPT;
	state.rooms = arena_array(arena, struct told_room, rest.n / ROOM_MIN_BYTES + 1);
	TRY(arena_status(arena));
	for (int64_t before = 0; rest.n > 0; before = state.rooms[state.room_count++].room)
		if (rest.n < ROOM_MIN_BYTES ||
		    !take_room(&rest, before, &state.rooms[state.room_count]))
			return RC_CORRUPT;
	*ret_state = state;
	return RC_OK;
}

struct told_room *told_state_room(const struct told_state *state, int64_t room)
{
	size_t low = 0, high = state->room_count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (state->rooms[middle].room == room)
			return &state->rooms[middle];
		if (state->rooms[middle].room < room)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}
