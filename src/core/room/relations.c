/* GET …/relations/{eventId} and …/threads. */
#include "core/room/relations.h"

#include "core/room/bundles.h"
#include "core/room/room_int.h"
#include "store/relations.h"

static struct event_reader reader_of(
    const struct room_query *query, const struct room_view *view, const struct bundles *bundles)
{
	return (struct event_reader){
	    .view = view,
	    .form = EVENT_FORM_CLIENT,
	    .device = query->actor->device,
	    .now_ms = clock_wall_ms(query->rooms->config.clock),
	    .bundles = bundles,
	};
}

static enum rc events_put(const struct room_query *query, struct txn_ro *txn,
    const struct room_view *view, const struct event_row *events, size_t count)
{
	struct bundles bundles;
	struct event_reader reader = reader_of(query, view, &bundles);
	TRY(bundles_read(txn, query->arena, view, events, count, &bundles));
	for (size_t i = 0; i < count; i++) {
		json_put_comma(query->out);
		TRY(room_event_put_to(txn, query->arena, query->out, &reader, &events[i]));
	}
	return buf_status(query->out);
}

static enum rc keep_visible(const struct room_query *query, struct txn_ro *txn,
    const struct room_view *view, struct event_row *events, size_t *count)
{
	size_t kept = 0;
	for (size_t i = 0; i < *count; i++) {
		bool visible;
		TRY(room_event_visible(txn, query->arena, view, &events[i], &visible));
		if (visible)
			events[kept++] = events[i];
	}
	*count = kept;
	return RC_OK;
}

/* ---- children ---- */

static enum rc parent_find(const struct room_query *query, struct txn_ro *txn, str event_id,
    struct room_view *ret_view, int64_t *ret_parent)
{
	struct event_row event = {0};
	bool visible = false;
	enum rc rc = room_view_of(txn, query->arena, query->actor->user, query->room_id, ret_view);
	if (rc == RC_OK)
		rc = event_find(txn, query->arena, event_id, &event);
	if (rc == RC_OK && event.room == ret_view->room.room)
		rc = room_event_visible(txn, query->arena, ret_view, &event, &visible);
	if (rc == RC_NOT_FOUND || (rc == RC_OK && !visible))
		return fail_set(
		    query->fail, RC_NOT_FOUND, "There is no such event, or you may not see it");
	*ret_parent = event.event;
	return rc;
}

static struct relations_wish span_of(
    const struct children_wish *wish, const struct room_view *view, int64_t parent)
{
	int64_t low = wish->forwards ? wish->from_pos : wish->to_pos;
	int64_t high = wish->forwards ? wish->to_pos : wish->from_pos;
	return (struct relations_wish){
	    .parent = parent,
	    .rel_type = wish->rel_type,
	    .type = wish->type,
	    .from = low > 0 ? low : 0,
	    .to = high >= 0 && high < view->until_pos ? high : view->until_pos,
	    .newest_first = !wish->forwards,
	    .depth = wish->recurse ? RELATIONS_DEPTH : 1,
	};
}

/* Page by page, since some may be hidden. */
static enum rc children_put(const struct room_query *query, struct txn_ro *txn,
    const struct room_view *view, struct relations_wish *span, size_t limit, int64_t *ret_next_pos)
{
	size_t put = 0, scanned = 0;
	bool more = span->from < span->to;
	while (more && put < limit && scanned < MESSAGES_SCAN_MAX) {
		struct event_row *events;
		size_t count;
		span->limit = limit - put;
		TRY(relations_page(txn, query->arena, span, &events, &count, &more));
		if (count == 0)
			break;
		scanned += count;
		if (span->newest_first)
			span->to = events[count - 1].pos - 1;
		else
			span->from = events[count - 1].pos;
		TRY(keep_visible(query, txn, view, events, &count));
		TRY(events_put(query, txn, view, events, count));
		put += count;
	}
	*ret_next_pos = !more ? -1 : span->newest_first ? span->to : span->from;
	return RC_OK;
}

enum rc room_children_answer(
    const struct room_query *query, const struct children_wish *wish, int64_t *ret_next_pos)
{
	struct txn_ro *txn CLEANUP(txn_ro_end) = NULL;
	struct room_view view;
	int64_t parent = 0;
	TRY(txn_ro_begin(query->rooms->config.store, &txn));
	TRY(parent_find(query, txn, wish->event_id, &view, &parent));
	struct relations_wish span = span_of(wish, &view, parent);
	buf_put(query->out, STR("\"chunk\":["));
	TRY(children_put(query, txn, &view, &span, wish->limit, ret_next_pos));
	buf_putc(query->out, ']');
	return buf_status(query->out);
}

/* ---- threads ---- */

/* The roots in the order of the threads; one that is hidden, or of which all events are, is left out. */
struct roots {
	struct event_row *events;
	size_t count;
};

static const struct event_row *root_find(const struct roots *roots, int64_t event)
{
	for (size_t i = 0; i < roots->count; i++)
		if (roots->events[i].event == event)
			return &roots->events[i];
	return NULL;
}

static enum rc roots_read(const struct room_query *query, struct txn_ro *txn,
    const struct thread_row *threads, size_t count, struct roots *ret_roots)
{
	int64_t *list = arena_array(query->arena, int64_t, count);
	TRY(arena_status(query->arena));
	for (size_t i = 0; i < count; i++)
		list[i] = threads[i].root;
	return events_of(
	    txn, query->arena, (struct nids){list, count}, &ret_roots->events, &ret_roots->count);
}

/* The root of somebody who is ignored is shown as if it were redacted. */
static enum rc root_redact(
    const struct room_query *query, const struct room_view *view, struct event_row *root)
{
	const struct room_version *version = room_version_find(view->room.version);
	struct event event;
	if (!version)
		return RC_CORRUPT;
	TRY(event_parse_stored(query->arena, version, root->canonical, root->event_id, &event));
	return event_redact(query->arena, version, event.root, &root->canonical);
}

static enum rc root_put(const struct room_query *query, struct txn_ro *txn,
    const struct event_reader *reader, struct event_row root, bool *ret_put)
{
	struct room_view all = *reader->view;
	bool visible, is_ignored = false;
	const struct bundle *bundle = bundle_of(reader->bundles, root.event);
	all.ignored = (struct nids){0};
	*ret_put = false;
	if (!bundle || !bundle->thread_end)
		return RC_OK;
	TRY(room_event_visible(txn, query->arena, reader->view, &root, &visible));
	if (!visible) {
		TRY(room_event_visible(txn, query->arena, &all, &root, &is_ignored));
		if (!is_ignored)
			return RC_OK;
		TRY(root_redact(query, reader->view, &root));
	}
	json_put_comma(query->out);
	*ret_put = true;
	return room_event_put_to(txn, query->arena, query->out, reader, &root);
}

static enum rc threads_put(const struct room_query *query, struct txn_ro *txn,
    const struct room_view *view, const struct thread_row *threads, size_t count, size_t *put)
{
	struct roots roots;
	struct bundles bundles;
	struct event_reader reader = reader_of(query, view, &bundles);
	TRY(roots_read(query, txn, threads, count, &roots));
	TRY(bundles_read(txn, query->arena, view, roots.events, roots.count, &bundles));
	for (size_t i = 0; i < count; i++) {
		const struct event_row *root = root_find(&roots, threads[i].root);
		bool is_put = false;
		if (root)
			TRY(root_put(query, txn, &reader, *root, &is_put));
		*put += is_put;
	}
	return buf_status(query->out);
}

static enum rc pages_put(const struct room_query *query, struct txn_ro *txn,
    const struct room_view *view, const struct threads_wish *wish, int64_t *ret_next_pos)
{
	int64_t to = wish->from_pos >= 0 ? wish->from_pos : INT64_MAX;
	size_t put = 0, scanned = 0;
	bool more = true;
	while (more && put < wish->limit && scanned < MESSAGES_SCAN_MAX) {
		struct thread_row *threads;
		size_t count, want = wish->limit - put;
		TRY(threads_of_room(txn, query->arena, view->room.room, to,
		    wish->participated ? view->viewer : 0, want + 1, &threads, &count));
		more = count > want;
		if (more)
			count--;
		if (count == 0)
			break;
		scanned += count;
		to = threads[count - 1].latest_pos - 1;
		TRY(threads_put(query, txn, view, threads, count, &put));
	}
	*ret_next_pos = more ? to : -1;
	return RC_OK;
}

enum rc room_threads_answer(
    const struct room_query *query, const struct threads_wish *wish, int64_t *ret_next_pos)
{
	struct txn_ro *txn CLEANUP(txn_ro_end) = NULL;
	struct room_view view;
	TRY(txn_ro_begin(query->rooms->config.store, &txn));
	TRY(room_view_open(
	    txn, query->arena, query->actor->user, query->room_id, &view, query->fail));
	buf_put(query->out, STR("\"chunk\":["));
	TRY(pages_put(query, txn, &view, wish, ret_next_pos));
	buf_putc(query->out, ']');
	return buf_status(query->out);
}
