/* How cards follow the current state of their rooms. */
#include "store/room_cards_int.h"

#include "base/fault.h"
#include "codec/fold.h"
#include "store/store_int.h"

enum { CARD_SCRATCH_BYTES = 8 << 20 };

enum rc room_card_add(struct txn_rw *txn, int64_t room)
{
	return RUN(txn, room_card_add, I(room));
}

/* Empty where it is no text that anybody could type. */
static enum rc folded(struct arena *arena, str text, str *ret_folded)
{
	enum rc rc = text_fold(arena, text, ret_folded);
	if (rc == RC_INVALID_PARAM)
		*ret_folded = STR_EMPTY;
	return rc == RC_INVALID_PARAM ? RC_OK : rc;
}

static enum rc field_write(struct txn_rw *txn, struct arena *arena, int64_t room,
    const struct card_place *place, const struct room_card *card)
{
	const void *field = (const char *)card + place->offset;
	struct arg args[3];
	size_t count = 0;
	if (place->flag)
		args[count++] = I(*(const bool *)field);
	else
		args[count++] = T(*(const str *)field);
	if (place->is_searched) {
		str fold;
		TRY(folded(arena, *(const str *)field, &fold));
		args[count++] = T(fold);
	}
	args[count++] = I(room);
	FAULT("store.card");
	return sql_run(txn, place->set, args, count, NULL);
}

/* Nothing stands there when `canonical` is empty, or is no JSON. */
static enum rc place_write(
    struct txn_rw *txn, int64_t room, const struct card_place *place, str canonical)
{
	struct arena CLEANUP(arena_release) arena;
	struct room_card card = {0};
	json root = NULL;
	arena_init(&arena, CARD_SCRATCH_BYTES);
	enum rc rc = canonical.n ? json_parse(&arena, canonical, &root, NULL) : RC_OK;
	if (rc == RC_NOMEM || rc == RC_BUDGET)
		return rc;
	card_place_read(place, rc == RC_OK ? json_get(root, STR("content")) : NULL, &card);
	return field_write(txn, &arena, room, place, &card);
}

enum rc room_card_enter(struct txn_rw *txn, const struct event_insert *in)
{
	const struct card_place *place = card_place_of(in->type, in->state_key);
	return place ? place_write(txn, in->room, place, in->canonical) : RC_OK;
}

/* What stands at the place; 0: nothing. */
static enum rc event_at(
    struct txn_ro *txn, int64_t snapshot, const struct card_place *place, int64_t *ret_event)
{
	struct state_key at;
	*ret_event = 0;
	enum rc rc = type_nid_find(txn, str_of(place->type), &at.type);
	if (rc == RC_OK)
		rc = key_nid_find(txn, STR_EMPTY, &at.key);
	if (rc == RC_OK)
		rc = snapshot_get(txn, snapshot, at, ret_event);
	return rc == RC_NOT_FOUND ? RC_OK : rc;
}

static enum rc stored_write(
    struct txn_rw *txn, int64_t room, const struct card_place *place, int64_t event)
{
	struct arena CLEANUP(arena_release) arena;
	str canonical;
	arena_init(&arena, CARD_SCRATCH_BYTES);
	enum rc rc = TEXT(&txn->ro, &arena, &canonical, event_content, I(event));
	if (rc != RC_OK)
		return rc == RC_NOT_FOUND ? RC_CORRUPT : rc;
	return place_write(txn, room, place, canonical);
}

enum rc room_card_follow(
    struct txn_rw *txn, const struct event_insert *in, const struct placing *at, int64_t before)
{
	for (size_t i = 0; i < CARD_PLACES; i++) {
		const struct card_place *place = &card_places[i];
		int64_t then, now;
		TRY(event_at(&txn->ro, before, place, &then));
		TRY(event_at(&txn->ro, at->current, place, &now));
		if (then == now)
			continue;
		if (now == 0)
			TRY(place_write(txn, in->room, place, STR_EMPTY));
		else if (now == at->event) /* its row is not there yet */
			TRY(place_write(txn, in->room, place, in->canonical));
		else
			TRY(stored_write(txn, in->room, place, now));
	}
	return RC_OK;
}

/* What the redacted event still says of itself: its place in the state, if it has one. */
static enum rc redacted_place(const struct event_insert *in, const struct card_place **ret_place)
{
	struct arena CLEANUP(arena_release) arena;
	json root = NULL;
	str state_key;
	arena_init(&arena, CARD_SCRATCH_BYTES);
	*ret_place = NULL;
	enum rc rc = json_parse(&arena, in->redacted_canonical, &root, NULL);
	if (rc != RC_OK)
		return rc == RC_NOMEM || rc == RC_BUDGET ? rc : RC_OK;
	if (json_text(json_get(root, STR("state_key")), &state_key))
		*ret_place = card_place_of(json_get_text(root, STR("type")), state_key);
	return RC_OK;
}

enum rc room_card_redact(struct txn_rw *txn, const struct event_insert *in)
{
	const struct card_place *place;
	int64_t redacted, now, snapshot;
	TRY(redacted_place(in, &place));
	if (!place)
		return RC_OK;
	enum rc rc = NUMBER(&txn->ro, &redacted, event_nid, T(in->redacts));
	if (rc != RC_OK)
		return rc == RC_NOT_FOUND ? RC_OK : rc;
	TRY(NUMBER(&txn->ro, &snapshot, room_snapshot, I(in->room)));
	TRY(event_at(&txn->ro, snapshot, place, &now));
	return now == redacted ? place_write(txn, in->room, place, in->redacted_canonical) : RC_OK;
}
