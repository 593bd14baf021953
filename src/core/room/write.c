/*
 * The write of one event, and the chain of writes of a room.
 *
 * Writes of a room run in the order in which they were built. Each learns the nid of its predecessor from the link
 * that they share: the predecessor sets it when its own write ran. A predecessor that failed leaves
 * LINK_FAILED there, or a nid that the room's head does not have, and the follower fails with RC_CONFLICT.
 */
#include "core/room/room_int.h"
#include "matrix/relation.h"

static struct chain_link *link_new_locked(struct shard *shard)
{
	struct chain_link *link = shard->free_links;
	if (link)
		shard->free_links = link->next_free;
	else
		link = arena_new(&shard->links, struct chain_link);
	if (link)
		*link = (struct chain_link){.nid = LINK_FAILED, .refs = 2}; /* the head's and the write's */
	return link;
}

enum rc chain_append(struct room_write *write, struct room_head *head)
{
	struct shard *shard = head->shard;
	lock_take(&shard->mu);
	struct chain_link *link = link_new_locked(shard);
	if (link) {
		write->prev = head->tip; /* with the head's reference */
		write->expected_head = head->head_event;
		write->link = head->tip = link;
		write->epoch = head->epoch;
		head->writes++;
	}
	lock_drop(&shard->mu);
	write->head = head;
	return link ? RC_OK : RC_NOMEM;
}

/* After the commit, or the failure: the head learns what became of it. */
static void chain_end(struct room_write *write, enum rc rc)
{
	struct room_head *head = write->head;
	struct shard *shard = head->shard;
	lock_take(&shard->mu);
	if (rc != RC_OK && head->epoch == write->epoch)
		head->bad = true;
	if (rc == RC_OK) {
		head->committed_seq = write->seq;
		if (head->tip == write->link) {
			head->head_event = write->link->nid;
			link_unref_locked(shard, TAKE(head->tip));
		}
	}
	link_unref_locked(shard, TAKE(write->prev));
	link_unref_locked(shard, TAKE(write->link));
	head->writes--;
	lock_drop(&shard->mu);
}

static void member_fill(struct room_write *write, const struct event *event)
{
	struct event_insert *insert = &write->insert;
	(void)membership_parse(json_get_text(event->content, STR("membership")), &insert->membership);
	insert->member_user_id = event->state_key;
	insert->member_displayname = json_get_text(event->content, STR("displayname"));
	insert->member_avatar_url = json_get_text(event->content, STR("avatar_url"));
	insert->marked = marker_verdict(event->type, true, event->state_key, event->sender, event->content) !=
	                 MARKER_NONE;
	write->news.membership = insert->membership;
}

static void relation_fill(struct event_insert *insert, const struct event *event)
{
	struct relation relation;
	if (!relation_of(event->content, &relation))
		return;
	insert->relation = (struct relation_insert){
	    .parent = relation.parent,
	    .rel_type = relation.rel_type,
	    .fits = !str_eq(relation.rel_type, STR("m.replace")) ||
		    replacement_fits(event->type, event->is_state, event->content),
	};
}

void write_fill_event(struct room_write *write, int64_t room, str room_id, const struct event *event)
{
	write->insert = (struct event_insert){
		.room = room,
		.room_id = room_id,
		.ts_ms = event->origin_server_ts,
		.depth = event->depth,
		.event_id = event->event_id,
		.type = event->type,
		.state_key = event->state_key,
		.canonical = event->canonical,
		.is_state = event->is_state,
		.auth_events = event->auth_events,
		.auth_count = event->is_state ? event->auth_count : 0, /* nobody's auth chain holds a message */
	};
	write->news = (struct event_news){
		.room = room,
		.room_id = room_id,
		.type = event->type,
		.state_key = event->state_key,
		.sender = event->sender,
		.is_state = event->is_state,
	};
	if (event->is_state && str_eq(event->type, STR("m.room.member")))
		member_fill(write, event);
	relation_fill(&write->insert, event);
}

void write_fill(struct room_write *write, const struct build *build, const struct event *event,
                const struct event_request *request)
{
	struct event_insert *insert = &write->insert;
	struct room_head *head = build->head;
	write_fill_event(write, head->room, head->room_id, event);
	write->seq = ++head->seq;
	insert->sender = request->actor.user;
	insert->generation = request->actor.generation;
	insert->replaced_heads = build->replaced;
	insert->replaced_head_count = build->replaced_count;
	insert->txn_device = request->txn_id.n ? request->actor.device : 0;
	insert->txn_id = request->actor.device ? request->txn_id : STR_EMPTY;
	insert->delay_id = request->delay_id;
	if (insert->membership != MEMBERSHIP_NONE)
		write->step = (struct membership_step){insert->membership, insert->sender, insert->generation,
		                                       insert->member_user_id};
}

static enum rc gate_at_commit(struct txn_rw *txn, const struct membership_step *step, struct fail *fail)
{
	struct arena scratch CLEANUP(arena_release);
	arena_init(&scratch, SCRATCH_BYTES);
	return membership_gate(txn_reading(txn), &scratch, step, fail);
}

enum rc write_run(struct txn_rw *txn, struct room_write *write, struct fail *fail)
{
	struct event_insert insert = write->insert;
	int64_t event, pos;
	if (write->link) {
		write->link->nid = LINK_FAILED;
		insert.expected_head = write->prev ? write->prev->nid : write->expected_head;
		if (insert.expected_head == LINK_FAILED)
			return RC_CONFLICT;
	}
	if (insert.membership != MEMBERSHIP_NONE)
		TRY(gate_at_commit(txn, &write->step, fail));
	TRY(event_insert(txn, &insert, &event, &pos));
	if (write->along.run)
		TRY(write->along.run(txn, write->along.self, insert.event_id, fail));
	if (insert.membership != MEMBERSHIP_NONE)
		TRY(user_nid_find(txn_reading(txn), insert.member_user_id, &write->news.member));
	write->news.event = event;
	write->news.pos = pos;
	if (write->link)
		write->link->nid = event;
	return RC_OK;
}

void write_end(struct room_write *write, enum rc rc)
{
	const struct rooms_config *config = &write->head->rooms->config;
	if (rc == RC_OK && config->on_event)
		config->on_event(config->news_self, &write->news);
	chain_end(write, rc);
}

static enum rc job_write(struct txn_rw *txn, struct write_job *job)
{
	return write_run(txn, CONTAINER_OF(job, struct room_write, job), job->fail);
}

static void job_done(struct write_job *job, enum rc rc)
{
	struct room_write *write = CONTAINER_OF(job, struct room_write, job);
	write_end(write, rc);
	write->done(write, rc);
}

void write_submit(struct room_write *write, struct fail *fail)
{
	struct store *store = write->head->rooms->config.store;
	write->job = (struct write_job){.write = job_write, .done = job_done, .fail = fail};
	store_submit(store, &write->job);
}
