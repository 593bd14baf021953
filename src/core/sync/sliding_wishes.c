/* required_state: its text in the state of a connection, its numbers in a request, and where it looks. */
#include "core/sync/sliding_int.h"

#include <stdlib.h>

enum { WISH_TEXT_MAX_BYTES = SLIDING_PATTERNS_MAX * 600 };

/* ---- the text: what it holds is written with its length before it ---- */

static void put_text(struct buf *out, str text)
{
	buf_put_i64(out, (int64_t)text.n);
	buf_putc(out, ':');
	buf_put(out, text);
}

static int by_text(const void *a, const void *b)
{
	const struct sliding_pattern *x = a, *y = b;
	int order =
	    x->any_type != y->any_type ? x->any_type - y->any_type : str_cmp(x->type, y->type);
	order = order || x->any_key == y->any_key ? order : x->any_key - y->any_key;
	order = order || x->own_key == y->own_key ? order : x->own_key - y->own_key;
	return order ? order : str_cmp(x->key, y->key);
}

/* In an order of their own, so that a client may name the same ones in any. */
static enum rc put_patterns(struct arena *arena, struct buf *out, char mark,
    const struct sliding_pattern *patterns, size_t count)
{
	struct sliding_pattern *sorted = arena_array(arena, struct sliding_pattern, count);
	TRY(arena_status(arena));
	for (size_t i = 0; i < count; i++)
		sorted[i] = patterns[i];
	if (count)
		qsort(sorted, count, sizeof *sorted, by_text);
	for (size_t i = 0; i < count; i++) {
		const struct sliding_pattern *pattern = &sorted[i];
		buf_putc(out, mark);
		buf_putc(out, pattern->any_type ? '*' : '=');
		buf_putc(out, pattern->any_key ? '*' : pattern->own_key ? '$' : '=');
		put_text(out, pattern->any_type ? STR_EMPTY : pattern->type);
		put_text(out, pattern->any_key || pattern->own_key ? STR_EMPTY : pattern->key);
	}
	return RC_OK;
}

static enum rc wish_text(struct arena *arena, const struct sliding_config *config, str *ret_text)
{
	struct buf out;
	buf_init(&out, arena, WISH_TEXT_MAX_BYTES);
	buf_putc(&out, config->lazy_members ? 'l' : 'w');
	TRY(put_patterns(arena, &out, '+', config->include, config->include_count));
	TRY(put_patterns(arena, &out, '-', config->exclude, config->exclude_count));
	return buf_finish(&out, ret_text);
}

static bool take_text(str *cursor, str *ret_text)
{
	int64_t bytes;
	size_t colon = str_find(*cursor, ':');
	if (!str_to_i64(str_first(*cursor, colon), 0, (int64_t)cursor->n, &bytes) ||
	    (size_t)bytes > cursor->n - colon - 1)
		return false;
	*ret_text = str_first(str_from(*cursor, colon + 1), (size_t)bytes);
	*cursor = str_from(*cursor, colon + 1 + (size_t)bytes);
	return true;
}

/* ---- the numbers ---- */

static enum rc number_or_none(enum rc rc, int64_t *number)
{
	if (rc == RC_NOT_FOUND)
		*number = 0;
	return rc == RC_NOT_FOUND ? RC_OK : rc;
}

static enum rc pattern_take(
    struct sliding_run *run, str *cursor, struct wish_pattern *pattern, bool *ret_include)
{
	str type, key;
	if (cursor->n < 3)
		return RC_CORRUPT;
	char type_mark = cursor->p[1], key_mark = cursor->p[2];
	*ret_include = cursor->p[0] == '+';
	*cursor = str_from(*cursor, 3);
	if (!take_text(cursor, &type) || !take_text(cursor, &key))
		return RC_CORRUPT;
	*pattern = (struct wish_pattern){type_mark == '*', key_mark == '*', {0, run->own_key}};
	if (!pattern->any_type)
		TRY(number_or_none(
		    type_nid_find(run->sync.txn, type, &pattern->at.type), &pattern->at.type));
	if (key_mark == '=')
		TRY(number_or_none(
		    key_nid_find(run->sync.txn, key, &pattern->at.key), &pattern->at.key));
	return RC_OK;
}

/* Includes from the front, excludes from the back. */
static enum rc wish_read(struct sliding_run *run, size_t number)
{
	enum { SLOTS = SLIDING_PATTERNS_MAX };
	struct wish *wish = &run->wishes[number];
	str rest = str_from(run->state.wishes[number], 1);
	bool is_include;
	if (wish->is_read)
		return RC_OK;
	struct wish_pattern *patterns = arena_array(run->kept, struct wish_pattern, SLOTS);
	TRY(arena_status(run->kept));
	*wish = (struct wish){.include = patterns, .exclude = patterns + SLOTS, .is_read = true};
	wish->lazy_members = str_starts(run->state.wishes[number], STR("l"));
	while (rest.n > 0) {
		struct wish_pattern pattern;
		TRY(pattern_take(run, &rest, &pattern, &is_include));
		if (wish->include_count + wish->exclude_count == SLOTS)
			return RC_CORRUPT;
		if (is_include)
			patterns[wish->include_count++] = pattern;
		else
			patterns[SLOTS - ++wish->exclude_count] = pattern;
	}
	wish->exclude = patterns + SLOTS - wish->exclude_count;
	return RC_OK;
}

static enum rc wishes_read(struct sliding_run *run, uint64_t wishes)
{
	for (size_t i = 0; i < run->state.wish_count; i++)
		if (wishes >> i & 1)
			TRY(wish_read(run, i));
	return RC_OK;
}

static bool pattern_matches(const struct wish_pattern *pattern, struct state_key at)
{
	return (pattern->any_type || pattern->at.type == at.type) &&
	       (pattern->any_key || pattern->at.key == at.key);
}

/* With lazy members, only those that are named stand in the state for themselves. */
static bool wish_matches(const struct wish *wish, struct state_key at, int64_t member_type)
{
	bool is_lazy = wish->lazy_members && at.type == member_type;
	for (size_t i = 0; i < wish->exclude_count; i++)
		if (pattern_matches(&wish->exclude[i], at))
			return false;
	for (size_t i = 0; i < wish->include_count; i++)
		if (pattern_matches(&wish->include[i], at) &&
		    !(is_lazy && wish->include[i].any_key))
			return true;
	return false;
}

enum rc sliding_wishes_match(
    struct sliding_run *run, uint64_t wishes, struct state_key at, bool *ret_match)
{
	*ret_match = false;
	TRY(wishes_read(run, wishes));
	for (size_t i = 0; i < run->state.wish_count && !*ret_match; i++)
		*ret_match =
		    (wishes >> i & 1) && wish_matches(&run->wishes[i], at, run->member_type);
	return RC_OK;
}

/* Whether any of the wishes, which have been read, loads members lazily. */
bool sliding_wishes_are_lazy(const struct sliding_run *run, uint64_t wishes)
{
	for (size_t i = 0; i < run->state.wish_count; i++)
		if ((wishes >> i & 1) && str_starts(run->state.wishes[i], STR("l")))
			return true;
	return false;
}

/* ---- the rules of a request ---- */

static enum rc wish_bit(struct sliding_run *run, const struct sliding_config *config,
    uint64_t *ret_bit, struct fail *fail)
{
	struct told_state *state = &run->state;
	size_t number = 0;
	str text;
	TRY(wish_text(run->sync.arena, config, &text));
	while (number < state->wish_count && !str_eq(state->wishes[number], text))
		number++;
	if (number == WISHES_MAX && run->place.connection != 0)
		return fail_set(fail, RC_UNKNOWN_POS,
		    "pos: this connection has had too many different required_states");
	if (number == WISHES_MAX)
		return fail_set(fail, RC_INVALID_PARAM, "There may be %d different required_states",
		    WISHES_MAX);
	if (number == state->wish_count)
		state->wishes[state->wish_count++] = text;
	*ret_bit = UINT64_C(1) << number;
	return RC_OK;
}

enum rc sliding_wishes_read(struct sliding_run *run, struct fail *fail)
{
	const struct sliding_request *request = run->request;
	struct arena *arena = run->sync.arena;
	run->wishes = arena_array(arena, struct wish, WISHES_MAX);
	run->list_wishes = arena_array(arena, uint64_t, request->list_count);
	run->subscription_wishes = arena_array(arena, uint64_t, request->subscription_count);
	TRY(arena_status(arena));
	TRY(number_or_none(type_nid_find(run->sync.txn, STR("m.room.member"), &run->member_type),
	    &run->member_type));
	TRY(number_or_none(
	    key_nid_find(run->sync.txn, request->session->user_id, &run->own_key), &run->own_key));
	for (size_t i = 0; i < request->list_count; i++)
		TRY(wish_bit(run, &request->lists[i].config, &run->list_wishes[i], fail));
	for (size_t i = 0; i < request->subscription_count; i++)
		TRY(wish_bit(
		    run, &request->subscriptions[i].config, &run->subscription_wishes[i], fail));
	return RC_OK;
}

/* ---- where they look ---- */

static int by_number(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
	return (x > y) - (x < y);
}

static int by_place(const void *a, const void *b)
{
	const struct state_key *x = a, *y = b;
	return x->type != y->type ? (x->type > y->type) - (x->type < y->type)
				  : (x->key > y->key) - (x->key < y->key);
}

static bool plan_has_type(const struct wish_plan *plan, int64_t type)
{
	return plan->type_count &&
	       bsearch(&type, plan->types, plan->type_count, sizeof type, by_number);
}

static void plan_take(struct wish_plan *plan, const struct wish *wish, int64_t member_type)
{
	for (size_t i = 0; i < wish->include_count; i++) {
		const struct wish_pattern *pattern = &wish->include[i];
		bool is_lazy =
		    wish->lazy_members && pattern->any_key && pattern->at.type == member_type;
		if (pattern->any_type)
			plan->whole = true;
		else if (pattern->any_key && pattern->at.type != 0 && !is_lazy)
			plan->types[plan->type_count++] = pattern->at.type;
		else if (!pattern->any_key && pattern->at.type != 0 && pattern->at.key != 0)
			plan->places[plan->place_count++] = pattern->at;
	}
}

/* Each type and each place once, and no place whose type is looked at anyway. */
static void plan_tidy(struct wish_plan *plan)
{
	size_t types = 0, places = 0;
	if (plan->type_count)
		qsort(plan->types, plan->type_count, sizeof *plan->types, by_number);
	for (size_t i = 0; i < plan->type_count; i++)
		if (i == 0 || plan->types[i] != plan->types[types - 1])
			plan->types[types++] = plan->types[i];
	plan->type_count = types;
	if (plan->place_count)
		qsort(plan->places, plan->place_count, sizeof *plan->places, by_place);
	for (size_t i = 0; i < plan->place_count; i++)
		if ((places == 0 || by_place(&plan->places[i], &plan->places[places - 1]) != 0) &&
		    !plan_has_type(plan, plan->places[i].type))
			plan->places[places++] = plan->places[i];
	plan->place_count = places;
}

enum rc sliding_plan(struct sliding_run *run, uint64_t wishes)
{
	struct wish_plan plan = {.wishes = wishes};
	size_t patterns = 0;
	if (run->plan.wishes == wishes)
		return RC_OK;
	TRY(wishes_read(run, wishes));
	for (size_t i = 0; i < run->state.wish_count; i++)
		patterns += wishes >> i & 1 ? run->wishes[i].include_count : 0;
	plan.types = arena_array(run->kept, int64_t, patterns);
	plan.places = arena_array(run->kept, struct state_key, patterns);
	TRY(arena_status(run->kept));
	for (size_t i = 0; i < run->state.wish_count; i++)
		if (wishes >> i & 1)
			plan_take(&plan, &run->wishes[i], run->member_type);
	plan_tidy(&plan);
	run->plan = plan;
	return RC_OK;
}
