/*
 * Where a received event stands in the graph: the state before it, what that and the room's current state say
 * of it (checks 5 and 6), and the room's state from then on. The room is held meanwhile, with nothing of it in flight.
 */
#include "core/room/receive_int.h"

enum { RECEIVE_HOLD_MS = 30000 };

struct placement {
	struct reception *r;
	struct room_head *head;       /* held */
	struct txn_ro *txn;
	struct room_row room;
	int64_t *extremities;         /* all; the head event first */
	size_t extremity_count;
	bool *is_prev;                /* of each extremity: the event cites it */
	bool at_head;                 /* it cites them all, and nothing else */
	struct snapshot_edit before, current;
	str redacted_canonical;       /* of the event that it redacts */
	struct room_write write;
};

static void placement_release(struct placement *p)
{
	txn_ro_end(&p->txn);
	if (p->head)
		sequencer_release(TAKE(p->head));
}

/* ---- the room as it stands ---- */

static bool cites(const struct reception *r, int64_t event)
{
	for (size_t i = 0; i < r->event.prev_count; i++)
		if (r->prev[i] == event)
			return true;
	return false;
}

static enum rc extremities_read(struct placement *p)
{
	struct arena *arena = p->r->arena;
	int64_t *others = NULL;
	size_t count = 0, cited = 0;
	TRY(room_extremities(p->txn, arena, p->room.room, &others, &count));
	p->extremities = arena_array(arena, int64_t, count + 1);
	p->is_prev = arena_array(arena, bool, count + 1);
	TRY(arena_status(arena));
	p->extremity_count = count + 1;
	for (size_t i = 0; i <= count; i++) {
		p->extremities[i] = i == 0 ? p->room.head_event : others[i - 1];
		p->is_prev[i] = cites(p->r, p->extremities[i]);
		cited += p->is_prev[i];
	}
	p->at_head = cited == p->extremity_count && cited == p->r->event.prev_count;
	return RC_OK;
}

static enum rc snapshot_after(struct placement *p, int64_t event, struct snapshot_edit *ret_state)
{
	struct arena scratch CLEANUP(arena_release);
	struct event_row row = {0};
	arena_init(&scratch, SCRATCH_BYTES);
	TRY(event_get(p->txn, &scratch, event, &row));
	*ret_state = (struct snapshot_edit){.base = row.snapshot};
	return RC_OK;
}

/* The resolution of the states after the prev events; an event without any begins from nothing. */
static enum rc state_before(struct placement *p)
{
	struct reception *r = p->r;
	size_t count = r->event.prev_count;
	if (p->at_head || count == 0) {
		p->before = (struct snapshot_edit){.base = p->at_head ? p->room.snapshot : 0};
		return RC_OK;
	}
	struct snapshot_edit *states = arena_array(r->arena, struct snapshot_edit, count);
	TRY(arena_status(r->arena));
	for (size_t i = 0; i < count; i++)
		TRY(snapshot_after(p, r->prev[i], &states[i]));
	return states_resolve(p->txn, r->arena, r->version, states, count, NULL, &p->before);
}

/* ---- verdicts ---- */

struct state_reader {
	struct placement *p;
	const struct snapshot_edit *state;
	enum rc rc;
};

static enum rc state_event_read(struct state_reader *reader, str type, str state_key, const struct event **ret_event)
{
	struct placement *p = reader->p;
	struct event_row row = {0};
	int64_t number;
	*ret_event = NULL;
	TRY(state_at(p->txn, reader->state, type, state_key, &number));
	if (number == 0)
		return RC_OK;
	struct event *event = arena_new(p->r->arena, struct event);
	TRY(arena_status(p->r->arena));
	TRY(event_get(p->txn, p->r->arena, number, &row));
	TRY(event_parse_stored(p->r->arena, p->r->version, row.canonical, row.event_id, event));
	*ret_event = event;
	return RC_OK;
}

static const struct event *state_get(void *self, str type, str state_key)
{
	struct state_reader *reader = self;
	const struct event *event = NULL;
	if (reader->rc == RC_OK)
		reader->rc = state_event_read(reader, type, state_key, &event);
	return event;
}

static enum rc judge(struct placement *p, const struct snapshot_edit *state, enum event_verdict refusal)
{
	struct state_reader reader = {.p = p, .state = state};
	struct auth_state auth = {state_get, &reader};
	struct auth_verdict verdict = auth_check(&p->r->event, &auth);
	TRY(reader.rc);
	if (!verdict.allowed)
		reception_refuse(p->r, refusal, &verdict);
	return arena_status(p->r->arena);
}

/* Checks 5 and 6; what its auth events refused stays refused. */
static enum rc judge_by_states(struct placement *p)
{
	const struct snapshot_edit now = {.base = p->room.snapshot};
	if (p->r->verdict != EVENT_ACCEPTED)
		return RC_OK;
	TRY(judge(p, &p->before, EVENT_REJECTED));
	if (p->r->verdict == EVENT_ACCEPTED && !p->at_head)
		TRY(judge(p, &now, EVENT_SOFT_FAILED));
	return RC_OK;
}

/* ---- redactions ---- */

static str domain_of(str user_id)
{
	struct id_parts parts;
	return user_id_parse(user_id, &parts) ? parts.domain : STR_EMPTY;
}

/* Room Versions, v3, "Handling redactions"; in v1 and v2 the auth rules have judged. */
static enum rc may_redact(struct placement *p, const struct event *target, bool *ret_may)
{
	const struct event *event = &p->r->event;
	struct state_reader reader = {.p = p, .state = &p->before};
	const struct event *create = state_get(&reader, STR("m.room.create"), STR_EMPTY);
	struct power_levels levels =
		power_levels_of(create, state_get(&reader, STR("m.room.power_levels"), STR_EMPTY));
	TRY(reader.rc);
	*ret_may = p->r->version->redaction_auth || str_eq(domain_of(event->sender), domain_of(target->sender)) ||
	           power_of_user(&levels, event->sender) >= power_for_action(&levels, STR("redact"));
	return RC_OK;
}

static enum rc redaction_prepare(struct placement *p)
{
	struct reception *r = p->r;
	struct event_row row = {0};
	struct event target;
	bool may;
	if (r->verdict != EVENT_ACCEPTED || r->event.is_state || r->event.redacts.n == 0)
		return RC_OK;
	enum rc rc = event_find(p->txn, r->arena, r->event.redacts, &row);
	if (rc != RC_OK || row.room != r->room)
		return rc == RC_NOT_FOUND ? RC_OK : rc;
	TRY(event_parse_stored(r->arena, r->version, row.canonical, row.event_id, &target));
	TRY(may_redact(p, &target, &may));
	return may ? event_redact(r->arena, r->version, target.root, &p->redacted_canonical) : RC_OK;
}

/* ---- the room's state from then on ---- */

/* The state before the event, and the event in it. */
static enum rc state_after(struct placement *p, struct snapshot_edit *ret_state)
{
	const struct event *event = &p->r->event;
	*ret_state = p->before;
	if (!event->is_state)
		return RC_OK;
	struct state_change *changes = arena_array(p->r->arena, struct state_change, p->before.count + 1);
	TRY(arena_status(p->r->arena));
	for (size_t i = 0; i < p->before.count; i++)
		changes[i] = p->before.changes[i];
	changes[p->before.count] = (struct state_change){event->type, event->state_key, EVENT_ITSELF};
	ret_state->changes = changes;
	ret_state->count++;
	return RC_OK;
}

/* The resolution of the states after the forward extremities that stay, and after this event. */
static enum rc current_state(struct placement *p)
{
	struct reception *r = p->r;
	struct pending_event pending = {&r->event, r->auth, r->event.auth_count};
	struct snapshot_edit *states = arena_array(r->arena, struct snapshot_edit, p->extremity_count + 1);
	size_t count = 0;
	TRY(arena_status(r->arena));
	for (size_t i = 0; i < p->extremity_count; i++)
		if (!p->is_prev[i])
			TRY(snapshot_after(p, p->extremities[i], &states[count++]));
	TRY(state_after(p, &states[count++]));
	return states_resolve(p->txn, r->arena, r->version, states, count, &pending, &p->current);
}

/* ---- the write ---- */

static enum rc replaced_heads(struct placement *p, struct event_insert *insert)
{
	int64_t *replaced = arena_array(p->r->arena, int64_t, p->extremity_count);
	TRY(arena_status(p->r->arena));
	for (size_t i = 0; i < p->extremity_count; i++) /* the head event itself, too, when the event cites it */
		if (p->is_prev[i] && !(i == 0 && p->at_head))
			replaced[insert->replaced_head_count++] = p->extremities[i];
	insert->replaced_heads = replaced;
	return RC_OK;
}

static enum rc insert_fill(struct placement *p)
{
	const struct reception *r = p->r;
	struct event_insert *insert = &p->write.insert;
	write_fill_event(&p->write, r->room, r->room_id, &r->event);
	insert->verdict = r->verdict;
	insert->place = p->at_head && r->verdict == EVENT_ACCEPTED ? EVENT_AT_HEAD : EVENT_ON_FORK;
	insert->expected_head = p->room.head_event;
	insert->before = p->before;
	insert->current = p->current;
	insert->redacts = p->redacted_canonical.n ? r->event.redacts : STR_EMPTY;
	insert->redacted_canonical = p->redacted_canonical;
	return r->verdict == EVENT_ACCEPTED ? replaced_heads(p, insert) : RC_OK;
}

struct reception_write {
	struct room_write *write;
	struct member_changes members;
	bool was_outlier;
};

static enum rc reception_write(struct txn_rw *txn, void *arg, struct fail *fail)
{
	struct reception_write *job = arg;
	struct event_insert *insert = &job->write->insert;
	struct event_news *news = &job->write->news;
	(void)fail;
	insert->generation = -1;
	insert->members = &job->members;
	insert->is_foreign = true;
	TRY(user_nid_make(txn, news->sender, &insert->sender));
	if (job->was_outlier)
		return event_place_outlier(txn, insert, &news->event, &news->pos);
	return event_insert(txn, insert, &news->event, &news->pos);
}

static void news_tell(const struct reception *r, struct reception_write *job)
{
	const struct rooms_config *config = &r->rooms->config;
	job->write->news.members = &job->members;
	if (r->verdict == EVENT_ACCEPTED && !r->is_outlier && config->on_event)
		config->on_event(config->news_self, &job->write->news);
}

/* A linear room goes on with the head that it has; after a fork all of it is read anew. */
static void head_follow(struct placement *p)
{
	const struct reception *r = p->r;
	bool linear = p->write.insert.place == EVENT_AT_HEAD && !p->redacted_canonical.n;
	if (r->verdict != EVENT_ACCEPTED)
		return;
	head_committed(p->head, p->write.news.event);
	if (!linear || head_advance(p->head, &r->event, 0) != RC_OK)
		head_forget(p->head);
}

static enum rc placement_compute(struct placement *p)
{
	TRY(sequencer_settle(p->head));
	TRY(txn_ro_begin(p->r->rooms->config.store, &p->txn));
	TRY(room_get(p->txn, p->r->arena, p->r->room, &p->room));
	TRY(extremities_read(p));
	TRY(state_before(p));
	TRY(judge_by_states(p));
	TRY(redaction_prepare(p));
	if (p->r->verdict == EVENT_ACCEPTED && !p->at_head)
		TRY(current_state(p));
	TRY(insert_fill(p));
	txn_ro_end(&p->txn);
	return RC_OK;
}

enum rc reception_place(struct reception *r)
{
	struct placement placement CLEANUP(placement_release) = {.r = r};
	TRY(sequencer_hold(r->rooms, r->room_id, RECEIVE_HOLD_MS, &placement.head));
	TRY(placement_compute(&placement));
	struct reception_write job = {&placement.write, {.arena = r->arena}, r->was_outlier};
	TRY(store_write(r->rooms->config.store, reception_write, &job, r->fail));
	head_follow(&placement);
	news_tell(r, &job);
	return RC_OK;
}

enum rc reception_store_outlier(struct reception *r)
{
	struct room_write write = {0};
	write_fill_event(&write, r->room, r->room_id, &r->event);
	write.insert.verdict = r->verdict;
	write.insert.place = EVENT_OUTLIER;
	struct reception_write job = {&write, {.arena = r->arena}, false};
	enum rc rc = store_write(r->rooms->config.store, reception_write, &job, r->fail);
	if (rc == RC_EXISTS) { /* two callers had it */
		r->receipt->verdict = RECEIPT_KNOWN;
		return RC_OK;
	}
	return rc;
}
