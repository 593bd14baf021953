/* Reading cards, and what of the state they show. */
#include "store/room_cards_int.h"

#include "store/rows_int.h"
#include "store/store_int.h"

#define FIELD(name) offsetof(struct room_card, name), STMT_room_card_set_##name
const struct card_place card_places[CARD_PLACES] = {
    {"m.room.name", "name", NULL, FIELD(name), true},
    {"m.room.topic", "topic", NULL, FIELD(topic), true},
    {"m.room.canonical_alias", "alias", NULL, FIELD(canonical_alias), true},
    {"m.room.avatar", "url", NULL, FIELD(avatar_url), false},
    {"m.room.create", "type", NULL, FIELD(room_type), false},
    {"m.room.encryption", "algorithm", NULL, FIELD(encryption), false},
    {"m.room.join_rules", "join_rule", NULL, FIELD(join_rule), false},
    {"m.room.history_visibility", "history_visibility", "world_readable", FIELD(world_readable),
	false},
    {"m.room.guest_access", "guest_access", "can_join", FIELD(guest_can_join), false},
};
#undef FIELD

const struct card_place *card_place_of(str type, str state_key)
{
	for (size_t i = 0; state_key.n == 0 && i < CARD_PLACES; i++)
		if (str_eq(type, str_of(card_places[i].type)))
			return &card_places[i];
	return NULL;
}

/* Some rooms have their topic only in m.topic: the form of it without markup. */
static str plain_topic(json content)
{
	json forms = json_get(json_get(content, STR("m.topic")), STR("m.text")), form;
	struct json_iter iter = json_iter(forms);
	str topic = STR_EMPTY;
	while (topic.n == 0 && json_next(&iter, NULL, &form)) {
		json mimetype = json_get(form, STR("mimetype"));
		if (!mimetype || str_eq(json_text_or(mimetype, STR_EMPTY), STR("text/plain")))
			topic = json_get_text(form, STR("body"));
	}
	return topic;
}

void card_place_read(const struct card_place *place, json content, struct room_card *card)
{
	void *field = (char *)card + place->offset;
	str text = json_get_text(content, str_of(place->member));
	if (place->flag) {
		*(bool *)field = str_eq(text, str_of(place->flag));
		return;
	}
	if (text.n == 0 && place->set == STMT_room_card_set_topic)
		text = plain_topic(content);
	*(str *)field = text;
}

static enum rc place_of_state(struct txn_ro *txn, struct arena *arena, int64_t snapshot,
    const struct card_place *place, struct room_card *card)
{
	struct event_row event;
	json root = NULL;
	enum rc rc = state_event(txn, arena, snapshot, str_of(place->type), STR_EMPTY, &event);
	if (rc == RC_OK)
		rc = json_parse(arena, event.canonical, &root, NULL);
	if (rc == RC_NOMEM || rc == RC_BUDGET || rc == RC_IO || rc == RC_CORRUPT)
		return rc;
	card_place_read(place, json_get(root, STR("content")), card);
	return RC_OK;
}

enum rc room_card_of_state(
    struct txn_ro *txn, struct arena *arena, int64_t snapshot, struct room_card *ret_card)
{
	struct room_card card = {0};
	for (size_t i = 0; i < CARD_PLACES; i++)
		TRY(place_of_state(txn, arena, snapshot, &card_places[i], &card));
	*ret_card = card;
	return RC_OK;
}

static struct room_card card_row(const struct query *q, struct arena *arena)
{
	return (struct room_card){
	    .room = col_i64(q, 0),
	    .room_id = col_dup(q, 1, arena),
	    .version = col_dup(q, 2, arena),
	    .joined = col_i64(q, 3),
	    .public_listed = col_i64(q, 4) != 0,
	    .snapshot = col_i64(q, 5),
	    .name = col_dup(q, 6, arena),
	    .topic = col_dup(q, 7, arena),
	    .canonical_alias = col_dup(q, 8, arena),
	    .avatar_url = col_dup(q, 9, arena),
	    .room_type = col_dup(q, 10, arena),
	    .encryption = col_dup(q, 11, arena),
	    .join_rule = col_dup(q, 12, arena),
	    .world_readable = col_i64(q, 13) != 0,
	    .guest_can_join = col_i64(q, 14) != 0,
	};
}

enum rc room_card_get(
    struct txn_ro *txn, struct arena *arena, int64_t room, struct room_card *ret_card)
{
	struct query CLEANUP(query_close) q = QUERY(txn, room_card_get, I(room));
	TRY(query_step(&q));
	struct room_card card = card_row(&q, arena);
	TRY(arena_status(arena));
	*ret_card = card;
	return RC_OK;
}

static struct query listed_query(struct txn_ro *txn, const struct listed_wish *wish)
{
	struct arg joined = I(wish->from.joined), room = I(wish->from.room), term = T(wish->term);
	struct arg limit = I((int64_t)wish->limit);
	return wish->backwards ? QUERY(txn, listed_rooms_before, joined, room, term, limit)
			       : QUERY(txn, listed_rooms_after, joined, room, term, limit);
}

enum rc listed_rooms(struct txn_ro *txn, struct arena *arena, const struct listed_wish *wish,
    struct room_card **ret_cards, size_t *ret_count)
{
	struct rows rows = ROWS(arena, struct room_card);
	struct query CLEANUP(query_close) q = listed_query(txn, wish);
	enum rc rc;
	while ((rc = query_step(&q)) == RC_OK) {
		struct room_card *card = rows_add(&rows);
		if (!card)
			break;
		*card = card_row(&q, arena);
	}
	TRY(arena_status(arena));
	if (rc != RC_NOT_FOUND)
		return rc;
	*ret_cards = rows.first;
	*ret_count = rows.count;
	return RC_OK;
}

enum rc listed_rooms_count(struct txn_ro *txn, int64_t *ret_count)
{
	return NUMBER(txn, ret_count, listed_rooms_count);
}
