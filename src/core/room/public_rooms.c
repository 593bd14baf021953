#include "core/room/public_rooms.h"

#include "codec/fold.h"
#include "core/room/cards.h"

#include <inttypes.h>

enum {
	BATCH_ROOMS = 200,     /* read at a time */
	CARD_FORM_BYTES = 512, /* of a card in an answer, beside its texts */
};

struct types_wanted {
	bool any, untyped;
	str *names;
	size_t count;
};

/* A page while it is read: the nearest to its beginning come first, also when it is read backwards. */
struct page {
	struct txn_ro *txn;
	struct arena *arena;
	struct types_wanted types;
	struct listed_wish walk;
	size_t limit;
	struct room_card *cards;
	size_t count;
	bool more; /* beyond its end */
};

/* ---- the wish ---- */

static enum rc types_read(
    struct arena *arena, json array, struct types_wanted *ret_types, struct fail *fail)
{
	struct types_wanted types = {.any = !array};
	struct json_iter iter = json_iter(array);
	json value;
	if (json_count(array) > PUBLIC_ROOMS_TYPES_MAX)
		return fail_set(fail, RC_INVALID_PARAM, "room_types may have at most %d entries",
		    PUBLIC_ROOMS_TYPES_MAX);
	types.names = arena_array(arena, str, json_count(array));
	TRY(arena_status(arena));
	while (json_next(&iter, NULL, &value)) {
		if (json_is_null(value))
			types.untyped = true;
		else if (!json_text(value, &types.names[types.count++]))
			return fail_set(fail, RC_BAD_JSON, "room_types must hold strings and null");
	}
	*ret_types = types;
	return RC_OK;
}

static bool types_allow(const struct types_wanted *types, str room_type)
{
	if (types->any || room_type.n == 0)
		return types->any || types->untyped;
	for (size_t i = 0; i < types->count; i++)
		if (str_eq(types->names[i], room_type))
			return true;
	return false;
}

/* A token is the direction and the place from which to go on: n37-815. */
static enum rc since_read(str since, struct listed_wish *walk, struct fail *fail)
{
	str rest = str_from(since, 1), joined;
	walk->from = LISTED_FIRST;
	if (since.n == 0)
		return RC_OK;
	walk->backwards = since.p[0] == 'p';
	bool good = (walk->backwards || since.p[0] == 'n') && str_split(&rest, '-', &joined) &&
		    str_to_i64(joined, 0, INT64_MAX, &walk->from.joined) &&
		    str_to_i64(rest, 0, INT64_MAX, &walk->from.room);
	return good ? RC_OK
		    : fail_set(fail, RC_INVALID_PARAM, "since is no token of an earlier answer");
}

static enum rc wish_read(const struct public_rooms_wish *wish, struct page *page, struct fail *fail)
{
	if (wish->term.n > PUBLIC_ROOMS_TERM_MAX_BYTES)
		return fail_set(fail, RC_INVALID_PARAM,
		    "generic_search_term may have at most %d bytes", PUBLIC_ROOMS_TERM_MAX_BYTES);
	TRY(text_fold(page->arena, wish->term, &page->walk.term));
	TRY(types_read(page->arena, wish->room_types, &page->types, fail));
	TRY(since_read(wish->since, &page->walk, fail));
	page->limit = wish->limit;
	page->walk.limit = BATCH_ROOMS;
	page->cards = arena_array(page->arena, struct room_card, wish->limit);
	return arena_status(page->arena);
}

/* ---- the page ---- */

static size_t form_bytes(const struct room_card *card)
{
	return CARD_FORM_BYTES + card->name.n + card->topic.n + card->canonical_alias.n +
	       card->avatar_url.n + card->room_type.n;
}

static enum rc page_read(struct page *page)
{
	size_t bytes = 0, read;
	do {
		struct room_card *batch;
		TRY(listed_rooms(page->txn, page->arena, &page->walk, &batch, &read));
		for (size_t i = 0; i < read; i++) {
			const struct room_card *card = &batch[i];
			page->walk.from = (struct listed_place){card->joined, card->room};
			if (!types_allow(&page->types, card->room_type))
				continue;
			bytes += form_bytes(card);
			page->more = page->count == page->limit ||
				     (page->count > 0 && bytes > PUBLIC_ROOMS_PAGE_MAX_BYTES);
			if (page->more)
				return RC_OK;
			page->cards[page->count++] = *card;
		}
	} while (read == BATCH_ROOMS);
	return RC_OK;
}

static void token_put(struct buf *out, str key, char direction, struct listed_place place)
{
	json_put_key(out, key);
	buf_printf(out, "\"%c%" PRId64 "-%" PRId64 "\"", direction, place.joined, place.room);
}

static struct listed_place place_of(const struct room_card *card)
{
	return (struct listed_place){card->joined, card->room};
}

/* `began`: where the reading of the page began. */
static void tokens_put(struct buf *out, const struct page *page, struct listed_place began)
{
	bool backwards = page->walk.backwards, is_first = began.joined == INT64_MAX;
	/* Where nothing is left on this side, all the rest is on the other. */
	struct listed_place far = began, near = backwards ? LISTED_FIRST : (struct listed_place){0};
	if (page->count > 0) {
		near = place_of(&page->cards[0]);
		far = place_of(&page->cards[page->count - 1]);
	}
	if (backwards || page->more)
		token_put(out, STR("next_batch"), 'n', backwards ? near : far);
	if (backwards ? page->more : !is_first)
		token_put(out, STR("prev_batch"), 'p', backwards ? far : near);
}

static void page_put(struct buf *out, const struct page *page, struct listed_place began)
{
	json_put_key(out, STR("chunk"));
	buf_putc(out, '[');
	for (size_t i = 0; i < page->count; i++) {
		json_put_comma(out);
		buf_putc(out, '{');
		card_put(out, &page->cards[page->walk.backwards ? page->count - 1 - i : i]);
		buf_putc(out, '}');
	}
	buf_putc(out, ']');
	tokens_put(out, page, began);
}

enum rc public_rooms_answer(struct store *store, struct arena *arena,
    const struct public_rooms_wish *wish, struct buf *out, struct fail *fail)
{
	struct txn_ro *txn CLEANUP(txn_ro_end) = NULL;
	struct page page = {.arena = arena};
	int64_t total = 0;
	TRY(wish_read(wish, &page, fail));
	struct listed_place began = page.walk.from;
	if (!wish->no_network) {
		TRY(txn_ro_begin(store, &txn));
		page.txn = txn;
		TRY(page_read(&page));
		TRY(listed_rooms_count(txn, &total));
	}
	buf_putc(out, '{');
	page_put(out, &page, began);
	buf_printf(out, ",\"total_room_count_estimate\":%" PRId64 "}", total);
	return buf_status(out);
}
