/* One user's rules as a transaction sees them, and asking them. */
#include "base/heap.h"
#include "core/push/facts_int.h"
#include "store/ignored.h"

enum { RULESET_MAX_BYTES = 16 << 20 };

static void own_free(struct cached *cached)
{
	struct own_ruleset *own = CONTAINER_OF(cached, struct own_ruleset, cached);
	arena_release(&own->arena);
	heap_free(own);
}

static struct own_ruleset *own_cached(struct push *push, int64_t user, int64_t pos)
{
	struct cached *cached = cache_get(&push->rulesets, (uint64_t)user);
	struct own_ruleset *own = cached ? CONTAINER_OF(cached, struct own_ruleset, cached) : NULL;
	if (!own || own->pos == pos)
		return own;
	cached_unref(cached);
	return NULL;
}

static enum rc own_compile(struct push_run *run, struct own_ruleset *own)
{
	struct push_rules rules;
	str changes;
	TRY(account_data_get(
	    run->txn, &own->arena, run->session->user, 0, STR("m.push_rules"), &changes));
	TRY(push_rules_load(&own->arena, PUSH_ANYBODY, changes, &rules));
	return push_compile(&own->arena, &rules, &own->rules);
}

static enum rc own_make(struct push_run *run, int64_t pos)
{
	struct own_ruleset *own = heap_new(struct own_ruleset);
	if (!own)
		return RC_NOMEM;
	*own = (struct own_ruleset){.user = run->session->user, .pos = pos};
	own->cached = (struct cached){.key = (uint64_t)own->user, .free = own_free, .refs = 1};
	arena_init(&own->arena, RULESET_MAX_BYTES);
	enum rc rc = own_compile(run, own);
	if (rc != RC_OK) {
		cached_unref(&own->cached);
		return rc;
	}
	own->cached.bytes = sizeof *own + own->arena.used_bytes;
	cache_put(&run->push->rulesets, &own->cached);
	run->own = own;
	return RC_OK;
}

static enum rc rules_find(struct push_run *run, int64_t pos)
{
	run->rules = run->push->server_rules;
	if (pos == 0)
		return RC_OK;
	run->own = own_cached(run->push, run->session->user, pos);
	if (!run->own)
		TRY(own_make(run, pos));
	run->rules = run->own->rules;
	return RC_OK;
}

static enum rc run_open(struct push_run *run, struct arena *arena)
{
	int64_t user = run->session->user, rules_pos, ignored_pos;
	TRY(txn_committed_pos(run->txn, &run->to));
	TRY(account_data_pos(run->txn, user, 0, STR("m.push_rules"), &rules_pos));
	TRY(account_data_pos(run->txn, user, 0, STR("m.ignored_user_list"), &ignored_pos));
	run->version = rules_pos > ignored_pos ? rules_pos : ignored_pos;
	if (ignored_pos)
		TRY(ignored_users(run->txn, arena, user, &run->ignored));
	return rules_find(run, rules_pos);
}

enum rc push_run_begin(struct push *push, struct txn_ro *txn, struct arena *arena,
    const struct session *session, struct push_run **ret_run)
{
	struct push_run *run = arena_new(arena, struct push_run);
	TRY(arena_status(arena));
	*run = (struct push_run){.push = push, .txn = txn, .session = session};
	enum rc rc = run_open(run, arena);
	if (rc != RC_OK)
		push_run_end(&run);
	else
		*ret_run = run;
	return rc;
}

void push_run_end(struct push_run **run_place)
{
	struct push_run *run = *run_place;
	if (!run)
		return;
	checkpoints_store(run);
	if (run->own)
		cached_unref(&run->own->cached);
	*run_place = NULL;
}

int64_t push_run_version(const struct push_run *run)
{
	return run->version;
}

enum rc push_run_ask(struct push_run *run, struct arena *scratch, const struct room_view *view,
    const struct facts *facts, struct push_outcome *ret_outcome)
{
	const struct push_reader reader = {run->session->user_id, view->member.displayname};
	struct push_event event = facts->push;
	if (push_evaluate(run->rules, &event, &reader, ret_outcome))
		return RC_OK;
	TRY(facts_power(run->txn, scratch, &view->room, facts, &event.power));
	return push_evaluate(run->rules, &event, &reader, ret_outcome) ? RC_OK : RC_UNKNOWN;
}
