/* GET /context: an event, those around it, and the state at the last of them. */
#include "core/room/bundles.h"
#include "core/room/messages_int.h"
#include "core/room/room_int.h"

struct context {
	const struct room_query *query;
	struct txn_ro *txn;
	struct room_view view;
	struct event_row event;
	const struct event_filter *filter;
	struct sender_seen *senders;
	size_t sender_count;
	int64_t start_pos, end_pos;
	int64_t last_snapshot;   /* the state at the newest event that is shown */
};

static enum rc context_open(struct context *context, str event_id)
{
	const struct room_query *query = context->query;
	bool visible = false;
	enum rc rc = room_view_of(context->txn, query->arena, query->actor->user, query->room_id, &context->view);
	if (rc == RC_OK)
		rc = event_find(context->txn, query->arena, event_id, &context->event);
	if (rc == RC_OK && context->event.room == context->view.room.room)
		rc = room_event_visible(context->txn, query->arena, &context->view, &context->event, &visible);
	if (rc == RC_NOT_FOUND || (rc == RC_OK && !visible))
		return fail_set(query->fail, RC_NOT_FOUND, "There is no such event, or you may not see it");
	return rc;
}

static enum rc event_put(const struct context *context, struct arena *arena,
    const struct event_row *event, const struct bundles *bundles)
{
	const struct room_query *query = context->query;
	struct event_reader reader = {
	    .view = &context->view,
	    .form = EVENT_FORM_CLIENT,
	    .device = query->actor->device,
	    .now_ms = clock_wall_ms(query->rooms->config.clock),
	    .bundles = bundles,
	};
	return room_event_put_to(context->txn, arena, query->out, &reader, event);
}

/* One side of it; the tokens of /messages go on from its far end. */
static enum rc side_put(struct context *context, const char *name, bool backwards, size_t limit, int64_t *ret_end_pos)
{
	struct messages_wish wish = {
		.backwards = backwards,
		.from_pos = backwards ? context->event.pos - 1 : context->event.pos,
		.to_pos = -1,
		.limit = limit,
		.filter = context->filter,
	};
	struct page page = {
		.query = context->query,
		.wish = &wish,
		.txn = context->txn,
		.view = context->view,
		.senders = context->senders,
		.sender_count = context->sender_count,
		.last_snapshot = context->last_snapshot,
	};
	json_put_key(context->query->out, str_of(name));
	buf_putc(context->query->out, '[');
	if (limit > 0)
		TRY(page_put(&page));
	buf_putc(context->query->out, ']');
	context->sender_count = page.sender_count;
	if (!backwards)
		context->last_snapshot = page.last_snapshot;
	*ret_end_pos = page.put > 0 ? page.end_pos : wish.from_pos;
	return RC_OK;
}

struct state_walk {
	const struct context *context;
	struct arena scratch;
};

static bool is_wanted(const struct context *context, const struct event_row *event)
{
	if (!context->filter)
		return true;
	if (!filter_allows_event(context->filter, event->canonical))
		return false;
	if (!context->filter->lazy_load_members || !str_eq(event->type, STR("m.room.member")))
		return true;
	for (size_t i = 0; i < context->sender_count; i++)
		if (str_eq(context->senders[i].user_id, event->state_key))
			return true;
	return false;
}

static enum rc state_seen(void *self, const struct state_entry *entry)
{
	struct state_walk *walk = self;
	struct event_row event;
	arena_clear(&walk->scratch);
	TRY(event_get(walk->context->txn, &walk->scratch, entry->event, &event));
	if (!is_wanted(walk->context, &event))
		return RC_OK;
	json_put_comma(walk->context->query->out);
	return event_put(walk->context, &walk->scratch, &event, NULL);
}

static enum rc state_put(const struct context *context)
{
	struct state_walk walk = {.context = context};
	buf_put(context->query->out, STR(",\"state\":["));
	arena_init(&walk.scratch, SCRATCH_BYTES);
	enum rc rc = snapshot_each(context->txn, context->last_snapshot, 0, state_seen, &walk);
	arena_release(&walk.scratch);
	buf_putc(context->query->out, ']');
	return rc;
}

enum rc room_context_answer(const struct room_query *query, const struct context_wish *wish, int64_t *ret_start_pos,
                            int64_t *ret_end_pos)
{
	struct context context = {.query = query, .filter = wish->filter};
	struct bundles bundles;
	struct txn_ro *txn CLEANUP(txn_ro_end) = NULL;
	TRY(txn_ro_begin(query->rooms->config.store, &txn));
	context.txn = txn;
	TRY(context_open(&context, wish->event_id));
	context.last_snapshot = context.event.current;
	context.senders = arena_array(query->arena, struct sender_seen, wish->limit + 1);
	TRY(arena_status(query->arena));
	TRY(user_id_of(txn, query->arena, context.event.sender, &context.senders[0].user_id));
	context.sender_count = 1;
	json_put_key(query->out, STR("event"));
	TRY(bundles_read(txn, query->arena, &context.view, &context.event, 1, &bundles));
	TRY(event_put(&context, query->arena, &context.event, &bundles));
	TRY(side_put(&context, "events_before", true, wish->limit / 2, ret_start_pos));
	TRY(side_put(&context, "events_after", false, wish->limit - wish->limit / 2, ret_end_pos));
	TRY(state_put(&context));
	return buf_status(query->out);
}
