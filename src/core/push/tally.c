#include "core/push/tally_int.h"

#include <string.h>

enum { TEXT_MAX_BYTES = 1 << 20 };

enum rc tally_init(struct arena *arena, struct tally *ret_tally)
{
	struct tally tally = {
	    .items = arena_array(arena, struct tally_item, PUSH_UNREAD_MAX),
	    .threads = arena_array(arena, str, TALLY_THREADS_MAX + 1),
	    .thread_count = 1,
	};
	TRY(arena_status(arena));
	*ret_tally = tally;
	return RC_OK;
}

enum rc tally_copy(struct arena *arena, const struct tally *from, struct tally *ret_tally)
{
	struct tally tally;
	TRY(tally_init(arena, &tally));
	struct tally_item *items = tally.items;
	str *threads = tally.threads;
	if (from->count)
		memcpy(items, from->items, from->count * sizeof *items);
	memcpy(threads, from->threads, from->thread_count * sizeof *threads);
	tally = *from;
	tally.items = items;
	tally.threads = threads;
	*ret_tally = tally;
	return RC_OK;
}

static void item_remove(struct tally *tally, size_t at)
{
	memmove(
	    &tally->items[at], &tally->items[at + 1], (--tally->count - at) * sizeof *tally->items);
}

static void make_room(struct tally *tally)
{
	size_t at = 0;
	if (tally->count < PUSH_UNREAD_MAX)
		return;
	while (at < tally->count && tally->items[at].highlight)
		at++;
	item_remove(tally, at < tally->count ? at : 0);
}

static enum rc thread_index(struct tally *tally, struct arena *arena, str root, uint32_t *ret_index)
{
	size_t i = 0;
	while (i < tally->thread_count && !str_eq(tally->threads[i], root))
		i++;
	if (i > TALLY_THREADS_MAX) {
		TRY(tally_pack(arena, tally));
		i = tally->thread_count;
	}
	if (i == tally->thread_count)
		tally->threads[tally->thread_count++] = arena_dup(arena, root);
	*ret_index = (uint32_t)i;
	return arena_status(arena);
}

enum rc tally_add(struct tally *tally, struct arena *arena, int64_t pos, str root, bool highlight)
{
	uint32_t index;
	make_room(tally);
	TRY(thread_index(tally, arena, root, &index));
	tally->items[tally->count++] = (struct tally_item){pos, index, highlight};
	return RC_OK;
}

void tally_remove(struct tally *tally, int64_t pos)
{
	for (size_t i = 0; i < tally->count; i++) {
		if (tally->items[i].pos != pos)
			continue;
		item_remove(tally, i);
		return;
	}
}

void tally_clear(struct tally *tally)
{
	tally->count = 0;
	tally->thread_count = 1;
}

static bool covers(
    const struct tally *tally, const struct read_upto *receipt, const struct tally_item *item)
{
	if (item->pos > receipt->upto)
		return false;
	if (receipt->thread_id.n == 0)
		return true;
	if (item->thread == 0)
		return str_eq(receipt->thread_id, STR("main"));
	return str_eq(receipt->thread_id, tally->threads[item->thread]);
}

static void read_one(struct tally *tally, const struct read_upto *receipt)
{
	size_t kept = 0;
	for (size_t i = 0; i < tally->count; i++)
		if (!covers(tally, receipt, &tally->items[i]))
			tally->items[kept++] = tally->items[i];
	tally->count = kept;
}

void tally_read(struct tally *tally, const struct read_upto *receipts, size_t count)
{
	for (size_t i = 0; i < count; i++)
		read_one(tally, &receipts[i]);
}

enum rc tally_pack(struct arena *arena, struct tally *tally)
{
	uint32_t *places = arena_array(arena, uint32_t, tally->thread_count);
	uint32_t count = 1;
	TRY(arena_status(arena));
	for (size_t i = 0; i < tally->count; i++)
		places[tally->items[i].thread] = 1;
	for (size_t i = 1; i < tally->thread_count; i++) {
		if (!places[i])
			continue;
		tally->threads[count] = tally->threads[i];
		places[i] = count++;
	}
	places[0] = 0;
	for (size_t i = 0; i < tally->count; i++)
		tally->items[i].thread = places[tally->items[i].thread];
	tally->thread_count = count;
	return RC_OK;
}

bool tally_is_same(const struct tally *a, const struct tally *b)
{
	if (a->count != b->count)
		return false;
	for (size_t i = 0; i < a->count; i++)
		if (a->items[i].pos != b->items[i].pos ||
		    a->items[i].highlight != b->items[i].highlight)
			return false;
	return true;
}

static void count_item(struct push_counts *counts, const struct tally_item *item)
{
	counts->notifications++;
	counts->highlights += item->highlight;
}

enum rc tally_count(
    struct arena *arena, const struct tally *tally, int64_t to, struct push_unread *ret_unread)
{
	struct push_thread_counts *threads =
	    arena_array(arena, struct push_thread_counts, tally->thread_count);
	struct push_unread unread = {.moved_pos = tally->moved_pos, .threads = threads};
	TRY(arena_status(arena));
	for (size_t i = 0; i < tally->count && tally->items[i].pos <= to; i++) {
		count_item(&unread.all, &tally->items[i]);
		count_item(&threads[tally->items[i].thread].counts, &tally->items[i]);
	}
	unread.main = threads[0].counts;
	for (size_t i = 1; i < tally->thread_count; i++) {
		if (!threads[i].counts.notifications)
			continue;
		threads[i].root = arena_dup(arena, tally->threads[i]);
		threads[unread.thread_count++] = threads[i];
	}
	TRY(arena_status(arena));
	*ret_unread = unread;
	return RC_OK;
}

/* ---- as text: {"items":[pos, 2 * thread + highlight, …],"moved":…,"threads":[…]} ---- */

enum rc tally_text(struct arena *arena, const struct tally *tally, str *ret_text)
{
	struct buf text;
	buf_init(&text, arena, TEXT_MAX_BYTES);
	buf_put(&text, STR("{\"items\":["));
	for (size_t i = 0; i < tally->count; i++) {
		const struct tally_item *item = &tally->items[i];
		json_put_comma(&text);
		buf_put_i64(&text, item->pos);
		buf_putc(&text, ',');
		buf_put_i64(&text, 2 * (int64_t)item->thread + item->highlight);
	}
	buf_put(&text, STR("],\"moved\":"));
	buf_put_i64(&text, tally->moved_pos);
	buf_put(&text, STR(",\"threads\":["));
	for (size_t i = 1; i < tally->thread_count; i++) {
		json_put_comma(&text);
		json_put_text(&text, tally->threads[i]);
	}
	buf_put(&text, STR("]}"));
	return buf_finish(&text, ret_text);
}

static enum rc threads_parse(json list, struct tally *tally)
{
	struct json_iter iter = json_iter(list);
	json v;
	if (json_count(list) > TALLY_THREADS_MAX)
		return RC_CORRUPT;
	while (json_next(&iter, NULL, &v))
		if (!json_text(v, &tally->threads[tally->thread_count++]))
			return RC_CORRUPT;
	return RC_OK;
}

static enum rc items_parse(json list, struct tally *tally)
{
	struct json_iter iter = json_iter(list);
	json first, second;
	int64_t last = 0, what;
	if (json_count(list) > 2 * PUSH_UNREAD_MAX || json_count(list) % 2)
		return RC_CORRUPT;
	while (json_next(&iter, NULL, &first) && json_next(&iter, NULL, &second)) {
		struct tally_item *item = &tally->items[tally->count++];
		if (!json_integer(first, &item->pos) || !json_integer(second, &what) ||
		    item->pos <= last || what < 0 || what / 2 >= (int64_t)tally->thread_count)
			return RC_CORRUPT;
		last = item->pos;
		item->thread = (uint32_t)(what / 2);
		item->highlight = what % 2;
	}
	return RC_OK;
}

enum rc tally_parse(struct arena *arena, str text, struct tally *ret_tally)
{
	struct tally tally;
	json root;
	TRY(tally_init(arena, &tally));
	enum rc rc = json_parse(arena, text, &root, NULL);
	TRY(rc == RC_NOT_JSON || rc == RC_BAD_JSON ? RC_CORRUPT : rc);
	if (!json_integer(json_get(root, STR("moved")), &tally.moved_pos))
		return RC_CORRUPT;
	TRY(threads_parse(json_get(root, STR("threads")), &tally));
	TRY(items_parse(json_get(root, STR("items")), &tally));
	*ret_tally = tally;
	return RC_OK;
}
