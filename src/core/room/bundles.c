#include "core/room/bundles.h"

#include "core/room/visibility_int.h"
#include "store/relations.h"

#include <stdlib.h>

enum {
	REPLACEMENTS_MAX = 50, /* of one event, looked at until one is visible */
	BUNDLE_MAX_BYTES = 8 * EVENT_MAX_BYTES,
};

/* One reading of a page's bundles. */
struct reading {
	struct txn_ro *txn;
	struct arena *arena;
	const struct room_view *view;
	struct relation_scope scope;
	struct relation_summary *summaries;
	size_t summary_count;
	struct bundles *bundles;
	int64_t *list; /* of nids; room for all that are asked for at once */
};

static int by_parent(const void *key, const void *element)
{
	int64_t parent = *(const int64_t *)key;
	const struct bundle *bundle = element;
	return (parent > bundle->parent) - (parent < bundle->parent);
}

static struct bundle *bundle_find(const struct bundles *bundles, int64_t parent)
{
	return bundles->count
		   ? bsearch(&parent, bundles->of, bundles->count, sizeof *bundles->of, by_parent)
		   : NULL;
}

const struct bundle *bundle_of(const struct bundles *bundles, int64_t event)
{
	return bundle_find(bundles, event);
}

static const struct event_row *row_find(const struct event_row *rows, size_t count, int64_t event)
{
	for (size_t i = 0; i < count; i++)
		if (rows[i].event == event)
			return &rows[i];
	return NULL;
}

/* One bundle for each parent that has children; summaries stand in the order of the parents. */
static enum rc bundles_make(struct reading *r)
{
	r->bundles->of = arena_array(r->arena, struct bundle, r->summary_count);
	TRY(arena_status(r->arena));
	for (size_t i = 0; i < r->summary_count; i++) {
		size_t n = r->bundles->count;
		if (n == 0 || r->bundles->of[n - 1].parent != r->summaries[i].parent)
			r->bundles->of[r->bundles->count++].parent = r->summaries[i].parent;
	}
	return RC_OK;
}

/* The parents with children of this type. */
static struct nids parents_having(const struct reading *r, enum rel_type rel_type)
{
	size_t n = 0;
	for (size_t i = 0; i < r->summary_count; i++)
		if (r->summaries[i].rel_type == rel_type)
			r->list[n++] = r->summaries[i].parent;
	return (struct nids){r->list, n};
}

static enum rc children_of_pairs(struct reading *r, const struct relation_pair *pairs, size_t count,
    struct event_row **ret_rows, size_t *ret_count)
{
	for (size_t i = 0; i < count; i++)
		r->list[i] = pairs[i].child;
	return events_of(r->txn, r->arena, (struct nids){r->list, count}, ret_rows, ret_count);
}

/* ---- m.replace ---- */

/* The most recent one is hidden from the viewer: perhaps an older one is not. */
static enum rc older_replacement(
    struct reading *r, int64_t parent, const struct event_row **ret_row)
{
	struct event_row *rows;
	size_t count;
	bool visible = false;
	*ret_row = NULL;
	TRY(replacements_of(r->txn, r->arena, parent, &r->scope, REPLACEMENTS_MAX, &rows, &count));
	for (size_t i = 0; i < count && !visible; i++) {
		TRY(room_event_visible(r->txn, r->arena, r->view, &rows[i], &visible));
		if (visible)
			*ret_row = &rows[i];
	}
	return RC_OK;
}

static enum rc replacements_read(
    struct reading *r, const struct event_row *events, size_t event_count)
{
	struct relation_pair *pairs;
	struct event_row *rows;
	size_t count, row_count;
	struct nids parents = parents_having(r, REL_REPLACE);
	if (parents.n == 0)
		return RC_OK;
	TRY(relation_replacements(r->txn, r->arena, parents, &r->scope, &pairs, &count));
	TRY(children_of_pairs(r, pairs, count, &rows, &row_count));
	for (size_t i = 0; i < count; i++) {
		const struct event_row *row = row_find(rows, row_count, pairs[i].child);
		const struct event_row *parent = row_find(events, event_count, pairs[i].parent);
		bool visible = false;
		if (!row || !parent || parent->redacted_by != 0)
			continue;
		TRY(room_event_visible(r->txn, r->arena, r->view, row, &visible));
		if (!visible)
			TRY(older_replacement(r, pairs[i].parent, &row));
		bundle_find(r->bundles, pairs[i].parent)->replacement = row;
	}
	return RC_OK;
}

/* ---- m.reference ---- */

static enum rc references_read(struct reading *r)
{
	for (size_t i = 0; i < r->summary_count; i++) {
		struct event_row *rows;
		size_t count, kept = 0;
		bool more;
		if (r->summaries[i].rel_type != REL_REFERENCE)
			continue;
		struct relations_wish wish = {
		    .parent = r->summaries[i].parent,
		    .rel_type = STR("m.reference"),
		    .to = r->scope.until_pos,
		    .limit = BUNDLE_REFERENCES_MAX,
		    .depth = 1,
		};
		TRY(relations_page(r->txn, r->arena, &wish, &rows, &count, &more));
		for (size_t k = 0; k < count; k++) {
			bool visible;
			TRY(room_event_visible(r->txn, r->arena, r->view, &rows[k], &visible));
			if (visible)
				rows[kept++] = rows[k];
		}
		struct bundle *bundle = bundle_find(r->bundles, wish.parent);
		bundle->references = rows;
		bundle->reference_count = kept;
	}
	return RC_OK;
}

/* ---- m.thread ---- */

/*
 * Whether the viewer sees all of a thread: they were joined when it began, or its first event is visible and the
 * room's history has been open to them ever since.
 */
static enum rc is_whole(struct reading *r, int64_t oldest_pos, bool *ret_whole)
{
	const struct room_view *view = r->view;
	struct event_row *oldest;
	size_t count;
	bool more;
	*ret_whole = view->member.membership == MEMBERSHIP_JOIN && oldest_pos >= view->member.pos;
	if (*ret_whole)
		return RC_OK;
	TRY(events_between(r->txn, r->arena, view->room.room, oldest_pos - 1, oldest_pos, false, 1,
	    &oldest, &count, &more));
	if (count == 0)
		return RC_OK;
	TRY(visibility_is_open_since(r->txn, r->arena, view, oldest, ret_whole));
	if (*ret_whole)
		TRY(room_event_visible(r->txn, r->arena, view, oldest, ret_whole));
	return RC_OK;
}

/* Judged one by one, from the newest on. */
static enum rc thread_walk(struct reading *r, struct bundle *bundle)
{
	struct relations_wish wish = {
	    .parent = bundle->parent,
	    .rel_type = STR("m.thread"),
	    .to = r->scope.until_pos,
	    .newest_first = true,
	    .limit = BUNDLE_WALK_MAX,
	    .depth = 1,
	};
	struct event_row *rows;
	size_t count;
	bool more, visible;
	bundle->thread_end = NULL;
	bundle->thread_count = 0;
	TRY(relations_page(r->txn, r->arena, &wish, &rows, &count, &more));
	for (size_t i = 0; i < count; i++) {
		TRY(room_event_visible(r->txn, r->arena, r->view, &rows[i], &visible));
		if (visible && bundle->thread_count++ == 0)
			bundle->thread_end = &rows[i];
	}
	return RC_OK;
}

static enum rc thread_read(
    struct reading *r, const struct relation_summary *summary, const struct event_row *end)
{
	struct bundle *bundle = bundle_find(r->bundles, summary->parent);
	bool whole;
	bundle->thread_end = end;
	bundle->thread_count = summary->count;
	bundle->participated = summary->by_user;
	TRY(is_whole(r, summary->oldest_pos, &whole));
	return whole ? RC_OK : thread_walk(r, bundle);
}

static const struct relation_summary *thread_summary(const struct reading *r, int64_t parent)
{
	for (size_t i = 0; i < r->summary_count; i++)
		if (r->summaries[i].parent == parent && r->summaries[i].rel_type == REL_THREAD)
			return &r->summaries[i];
	return NULL;
}

/* The ends carry bundles, too; as events of a thread they are no roots. */
static enum rc ends_bundle(struct reading *r)
{
	struct bundles *of_ends = arena_new(r->arena, struct bundles);
	struct event_row *ends = arena_array(r->arena, struct event_row, r->bundles->count);
	size_t count = 0;
	TRY(arena_status(r->arena));
	for (size_t i = 0; i < r->bundles->count; i++)
		if (r->bundles->of[i].thread_end)
			ends[count++] = *r->bundles->of[i].thread_end;
	r->bundles->of_ends = of_ends;
	return bundles_read(r->txn, r->arena, r->view, ends, count, of_ends);
}

static enum rc threads_read(struct reading *r, const struct event_row *events, size_t event_count)
{
	struct relation_pair *pairs;
	struct event_row *rows;
	size_t count, row_count;
	struct nids parents = parents_having(r, REL_THREAD);
	if (parents.n == 0)
		return RC_OK;
	TRY(relation_thread_ends(r->txn, r->arena, parents, &r->scope, &pairs, &count));
	if (count == 0)
		return RC_OK;
	TRY(children_of_pairs(r, pairs, count, &rows, &row_count));
	for (size_t i = 0; i < count; i++) {
		const struct relation_summary *summary = thread_summary(r, pairs[i].parent);
		const struct event_row *end = row_find(rows, row_count, pairs[i].child);
		const struct event_row *root = row_find(events, event_count, pairs[i].parent);
		if (!summary || !end || !root)
			continue;
		TRY(thread_read(r, summary, end));
		bundle_find(r->bundles, root->event)->participated |=
		    root->sender == r->view->viewer;
	}
	return ends_bundle(r);
}

/* ---- a page ---- */

/* State events carry none. */
static size_t parents_list(int64_t *list, const struct event_row *events, size_t count)
{
	size_t n = 0;
	for (size_t i = 0; i < count; i++)
		if (!events[i].is_state)
			list[n++] = events[i].event;
	return n;
}

enum rc bundles_read(struct txn_ro *txn, struct arena *arena, const struct room_view *view,
    const struct event_row *events, size_t count, struct bundles *ret_bundles)
{
	struct reading r = {
	    .txn = txn,
	    .arena = arena,
	    .view = view,
	    .scope = {view->until_pos, view->ignored},
	    .bundles = ret_bundles,
	};
	*ret_bundles = (struct bundles){0};
	r.list = arena_array(arena, int64_t, count);
	TRY(arena_status(arena));
	struct nids parents = {r.list, parents_list(r.list, events, count)};
	if (parents.n == 0)
		return RC_OK;
	TRY(relation_summaries(
	    txn, arena, parents, view->viewer, &r.scope, &r.summaries, &r.summary_count));
	if (r.summary_count == 0)
		return RC_OK;
	TRY(bundles_make(&r));
	TRY(replacements_read(&r, events, count));
	TRY(references_read(&r));
	return threads_read(&r, events, count);
}

/* ---- as JSON ---- */

static void references_put(struct buf *out, const struct bundle *bundle)
{
	json_put_key(out, STR("m.reference"));
	buf_put(out, STR("{\"chunk\":["));
	for (size_t i = 0; i < bundle->reference_count; i++) {
		json_put_comma(out);
		buf_put(out, STR("{\"event_id\":"));
		json_put_text(out, bundle->references[i].event_id);
		buf_putc(out, '}');
	}
	buf_put(out, STR("]}"));
}

static enum rc event_member_put(struct txn_ro *txn, struct arena *arena, struct buf *out, str key,
    const struct event_reader *reader, const struct bundles *bundles, const struct event_row *event)
{
	struct event_reader inner = *reader;
	inner.bundles = bundles;
	json_put_key(out, key);
	return room_event_put_to(txn, arena, out, &inner, event);
}

static enum rc thread_put(struct txn_ro *txn, struct arena *arena, struct buf *out,
    const struct event_reader *reader, const struct bundle *bundle)
{
	json_put_key(out, STR("m.thread"));
	buf_put(out, STR("{\"count\":"));
	buf_put_i64(out, bundle->thread_count);
	buf_put(out, bundle->participated ? STR(",\"current_user_participated\":true")
					  : STR(",\"current_user_participated\":false"));
	TRY(event_member_put(txn, arena, out, STR("latest_event"), reader, reader->bundles->of_ends,
	    bundle->thread_end));
	buf_putc(out, '}');
	return RC_OK;
}

enum rc bundle_json(struct txn_ro *txn, struct arena *arena, const struct event_reader *reader,
    int64_t event, str *ret_json)
{
	const struct bundle *bundle = reader->bundles ? bundle_of(reader->bundles, event) : NULL;
	struct buf out;
	*ret_json = STR_EMPTY;
	if (!bundle ||
	    (!bundle->replacement && !bundle->thread_end && bundle->reference_count == 0))
		return RC_OK;
	buf_init(&out, arena, BUNDLE_MAX_BYTES);
	buf_putc(&out, '{');
	if (bundle->reference_count)
		references_put(&out, bundle);
	if (bundle->replacement)
		TRY(event_member_put(
		    txn, arena, &out, STR("m.replace"), reader, NULL, bundle->replacement));
	if (bundle->thread_end)
		TRY(thread_put(txn, arena, &out, reader, bundle));
	buf_putc(&out, '}');
	return buf_finish(&out, ret_json);
}
