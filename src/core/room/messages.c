/* GET /messages: a page of a room's history, by stream position. */
#include "codec/canonical.h"
#include "core/room/bundles.h"
#include "core/room/messages_int.h"
#include "core/room/room_int.h"
#include "store/relations.h"

enum { PAGE_EVENTS = 100 };

static str sender_in(str canonical)
{
	str key, value;
	while (canonical_next_member(&canonical, &key, &value))
		if (str_eq(key, STR("sender")) && value.n >= 2)
			return (str){value.p + 1, value.n - 2}; /* user ids need no escapes */
	return STR_EMPTY;
}

static void sender_note(struct page *page, const struct event_row *event)
{
	str sender = sender_in(event->canonical);
	for (size_t i = 0; i < page->sender_count; i++)
		if (str_eq(page->senders[i].user_id, sender))
			return;
	page->senders[page->sender_count++] = (struct sender_seen){sender, event->snapshot};
}

/* Keeps the event if it is to be shown: it may be hidden from this user, or filtered. */
static enum rc event_take(
    struct page *page, const struct event_row *event, struct event_row *kept, size_t *count)
{
	bool visible;
	page->scanned++;
	page->end_pos = page->wish->backwards ? event->pos - 1 : event->pos;
	if (page->wish->filter && !filter_allows_event(page->wish->filter, event->canonical))
		return RC_OK;
	TRY(room_event_visible(page->txn, page->query->arena, &page->view, event, &visible));
	if (visible)
		kept[(*count)++] = *event;
	return RC_OK;
}

static enum rc events_put(struct page *page, const struct event_row *events, size_t count)
{
	const struct room_query *query = page->query;
	struct bundles bundles;
	struct event_reader reader = {
	    .view = &page->view,
	    .form = EVENT_FORM_CLIENT,
	    .device = query->actor->device,
	    .now_ms = clock_wall_ms(query->rooms->config.clock),
	    .bundles = &bundles,
	};
	TRY(bundles_read(page->txn, query->arena, &page->view, events, count, &bundles));
	for (size_t i = 0; i < count; i++) {
		json_put_comma(query->out);
		TRY(room_event_put_to(page->txn, query->arena, query->out, &reader, &events[i]));
		if (page->wish->filter && page->wish->filter->lazy_load_members)
			sender_note(page, &events[i]);
		if (page->put++ == 0 || !page->wish->backwards)
			page->last_snapshot = events[i].current;
	}
	return RC_OK;
}

static enum rc users_known(struct txn_ro *txn, struct arena *arena, const struct filter_list *users,
    struct nids *ret_users)
{
	int64_t *known = arena_array(arena, int64_t, users->count + 1);
	size_t count = 0;
	TRY(arena_status(arena));
	for (size_t i = 0; i < users->count; i++) {
		enum rc rc = user_nid_find(txn, users->entries[i], &known[count]);
		if (rc != RC_OK && rc != RC_NOT_FOUND)
			return rc;
		count += rc == RC_OK;
	}
	*ret_users = (struct nids){known, count};
	return RC_OK;
}

static bool contains(struct nids list, int64_t nid)
{
	for (size_t i = 0; i < list.n; i++)
		if (list.p[i] == nid)
			return true;
	return false;
}

/* What the filter asks of an event's children. */
static enum rc events_with_children(
    struct page *page, const struct event_filter *filter, struct event_row *events, size_t *count)
{
	struct arena *arena = page->query->arena;
	const struct filter_list *types = &filter->related_by_rel_types;
	struct nids users, parents;
	int64_t *list = arena_array(arena, int64_t, *count);
	size_t kept = 0;
	TRY(arena_status(arena));
	TRY(users_known(page->txn, arena, &filter->related_by_senders, &users));
	struct relation_choice choice = {
	    .rel_types = types->given ? types->entries : NULL,
	    .rel_type_count = types->count,
	    .senders = filter->related_by_senders.given ? &users : NULL,
	};
	for (size_t i = 0; i < *count; i++)
		list[i] = events[i].event;
	TRY(parents_with(page->txn, arena, (struct nids){list, *count}, &choice, &parents));
	for (size_t i = 0; i < *count; i++)
		if (contains(parents, events[i].event))
			events[kept++] = events[i];
	*count = kept;
	return RC_OK;
}

static enum rc events_take(struct page *page)
{
	const struct messages_wish *wish = page->wish;
	while (page->put < wish->limit && page->scanned < MESSAGES_SCAN_MAX && page->more) {
		struct event_row *events;
		size_t count, kept = 0, want = wish->limit - page->put;
		if (want > PAGE_EVENTS)
			want = PAGE_EVENTS;
		TRY(events_between(page->txn, page->query->arena, page->view.room.room, page->low, page->high,
		                   wish->backwards, want, &events, &count, &page->more));
		for (size_t i = 0; i < count; i++)
			TRY(event_take(page, &events[i], events, &kept));
		if (kept > 0 && filter_asks_for_children(wish->filter))
			TRY(events_with_children(page, wish->filter, events, &kept));
		TRY(events_put(page, events, kept));
		if (wish->backwards)
			page->high = page->end_pos;
		else
			page->low = page->end_pos;
	}
	return RC_OK;
}

enum rc page_put_members(struct page *page)
{
	const struct room_query *query = page->query;
	buf_put(query->out, STR(",\"state\":["));
	for (size_t i = 0; i < page->sender_count; i++) {
		struct event_row event;
		enum rc rc = state_event(page->txn, query->arena, page->senders[i].snapshot, STR("m.room.member"),
		                         page->senders[i].user_id, &event);
		if (rc == RC_NOT_FOUND)
			continue;
		if (rc != RC_OK)
			return rc;
		json_put_comma(query->out);
		TRY(room_event_put(page->txn, query->arena, query->out, &page->view, &event, EVENT_FORM_CLIENT, 0,
		                   clock_wall_ms(query->rooms->config.clock)));
	}
	buf_putc(query->out, ']');
	return RC_OK;
}

/* The span that is asked for, within what the user may read. */
static void page_bounds(struct page *page)
{
	const struct messages_wish *wish = page->wish;
	int64_t newest = page->view.room.last_pos;
	if (page->view.until_pos < newest)
		newest = page->view.until_pos;
	page->low = 0;
	page->high = newest;
	if (wish->backwards) {
		if (wish->from_pos >= 0 && wish->from_pos < page->high)
			page->high = wish->from_pos;
		if (wish->to_pos > page->low)
			page->low = wish->to_pos;
		page->end_pos = page->high;
	} else {
		if (wish->from_pos >= 0)
			page->low = wish->from_pos;
		if (wish->to_pos >= 0 && wish->to_pos < page->high)
			page->high = wish->to_pos;
		page->end_pos = page->low;
	}
	page->start_pos = page->end_pos;
	page->more = page->low < page->high &&
	             (!wish->filter || filter_section_allows_room(wish->filter, page->view.room.room_id));
}

enum rc page_put(struct page *page)
{
	page_bounds(page);
	return events_take(page);
}

enum rc room_messages_answer(const struct room_query *query, const struct messages_wish *wish,
                             int64_t *ret_start_pos, int64_t *ret_end_pos)
{
	struct page page = {.query = query, .wish = wish};
	TRY(txn_ro_begin(query->rooms->config.store, &page.txn));
	struct txn_ro *txn CLEANUP(txn_ro_end) = page.txn;
	TRY(room_view_open(txn, query->arena, query->actor->user, query->room_id, &page.view, query->fail));
	page.senders = arena_array(query->arena, struct sender_seen, wish->limit);
	TRY(arena_status(query->arena));
	buf_put(query->out, STR("\"chunk\":["));
	TRY(page_put(&page));
	buf_putc(query->out, ']');
	*ret_start_pos = wish->from_pos >= 0 ? wish->from_pos : page.start_pos;
	if (wish->filter && wish->filter->lazy_load_members)
		TRY(page_put_members(&page));
	*ret_end_pos = page.more ? page.end_pos : -1;
	return buf_status(query->out);
}
