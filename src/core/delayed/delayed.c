/* The runner of delayed events. */
#include "base/fault.h"
#include "base/heap.h"
#include "base/log.h"
#include "core/delayed/delayed_int.h"

enum {
	BATCH_EVENTS = 64,
	BATCH_ARENA_BYTES = 16 << 20,
	SENDING_ARENA_BYTES = 16 << 20, /* an event of 64 KiB with what building it takes */
	LOOK_MS = 60000,                /* the wall clock may jump */
};

enum rc delayed_new(const struct delayed_config *config, struct delayed **ret_delayed)
{
	struct delayed *made = heap_new(struct delayed);
	if (!made)
		return RC_NOMEM;
	made->config = *config;
	lock_init(&made->mu);
	cond_init(&made->changed);
	arena_init(&made->batch_arena, BATCH_ARENA_BYTES);
	*ret_delayed = made;
	return RC_OK;
}

void delayed_free(struct delayed *delayed)
{
	if (!delayed)
		return;
	arena_release(&delayed->batch_arena);
	cond_destroy(&delayed->changed);
	lock_destroy(&delayed->mu);
	heap_free(delayed);
}

void delayed_wake(struct delayed *delayed)
{
	lock_take(&delayed->mu);
	delayed->woken = true;
	lock_drop(&delayed->mu);
	cond_signal(&delayed->changed);
}

/* Until woken, stopped, or `wait_ms` has passed. False: stop. */
static bool wait_for_work(struct delayed *delayed, int64_t wait_ms)
{
	lock_take(&delayed->mu);
	while (!delayed->woken && !delayed->stopping)
		if (!cond_wait_ms(&delayed->changed, &delayed->mu, wait_ms))
			break;
	delayed->woken = false;
	bool go_on = !delayed->stopping;
	lock_drop(&delayed->mu);
	return go_on;
}

/* ---- one event ---- */

static enum rc sending_along(struct txn_rw *txn, void *self, str event_id, struct fail *fail)
{
	const struct delayed_sending *sending = self;
	const struct delayed_event *event = sending->event;
	struct delayed_end end = {
	    .nid = event->nid,
	    .user = event->user,
	    .due_ms = sending->whenever ? -1 : event->due_ms,
	    .now_ms = clock_wall_ms(sending->delayed->config.clock),
	    .event_id = event_id,
	};
	enum rc rc = delayed_event_end(txn, &end);
	return rc == RC_NOT_FOUND
		   ? fail_set(fail, RC_OVER, "The delayed event is not scheduled any more")
		   : rc;
}

void sending_init(
    struct delayed_sending *sending, struct delayed *delayed, const struct delayed_event *event)
{
	*sending = (struct delayed_sending){.delayed = delayed, .event = event};
	arena_init(&sending->arena, SENDING_ARENA_BYTES);
	sending->send = (struct room_send){
	    .actor =
		{
		    .user = event->user,
		    .generation = event->generation,
		    .user_id = event->user_id,
		},
	    .room_id = event->room_id,
	    .type = event->type,
	    .is_state = event->is_state,
	    .state_key = event->state_key,
	    .content = event->content,
	    .delay_id = event->delay_id,
	    .along = {sending_along, sending},
	    .fail = &sending->fail,
	    .arena = &sending->arena,
	};
}

void sending_release(struct delayed_sending *sending)
{
	arena_release(&sending->arena);
}

/* ---- a batch ---- */

struct batch {
	struct delayed_sending *sendings;
	size_t count;
	struct lock mu;
	struct cond over;
	size_t open GUARDED_BY(mu);
};

static void batch_sent(struct room_send *send, enum rc rc)
{
	struct delayed_sending *sending = CONTAINER_OF(send, struct delayed_sending, send);
	struct batch *batch = send->self;
	sending->rc = rc;
	lock_take(&batch->mu);
	batch->open--;
	if (batch->open == 0)
		cond_signal(&batch->over);
	lock_drop(&batch->mu);
}

/* Handed over in their order; a room takes them in the order in which they come. */
static void batch_send(
    struct delayed *delayed, struct batch *batch, const struct delayed_event *events)
{
	lock_init(&batch->mu);
	cond_init(&batch->over);
	batch->open = batch->count;
	for (size_t i = 0; i < batch->count; i++) {
		struct delayed_sending *sending = &batch->sendings[i];
		sending_init(sending, delayed, &events[i]);
		sending->send.done = batch_sent;
		sending->send.self = batch;
		room_send(delayed->config.rooms, &sending->send);
	}
	lock_take(&batch->mu);
	while (batch->open > 0)
		cond_wait(&batch->over, &batch->mu);
	lock_drop(&batch->mu);
	cond_destroy(&batch->over);
	lock_destroy(&batch->mu);
}

/* It would fail the next time, too. What is 5xx to a client is the server's trouble, unless the room itself is damaged. */
static bool is_lasting(enum rc rc)
{
	return rc != RC_OK && rc != RC_OVER &&
	       (rc_status(rc) < 500 || rc == RC_CORRUPT || rc == RC_UNKNOWN);
}

static enum rc failures_write(struct txn_rw *txn, void *arg, struct fail *fail)
{
	const struct batch *batch = arg;
	(void)fail;
	for (size_t i = 0; i < batch->count; i++) {
		struct delayed_sending *sending = &batch->sendings[i];
		if (!is_lasting(sending->rc))
			continue;
		if (sending->fail.rc != sending->rc)
			sending->fail = (struct fail){.rc = sending->rc};
		struct delayed_end end = {
		    .nid = sending->event->nid,
		    .user = sending->event->user,
		    .due_ms = sending->event->due_ms,
		    .now_ms = clock_wall_ms(sending->delayed->config.clock),
		    .errcode = str_of(rc_errcode(sending->rc)),
		    .error = str_of(fail_message(&sending->fail)),
		};
		enum rc rc = delayed_event_end(txn, &end);
		if (rc != RC_OK && rc != RC_NOT_FOUND)
			return rc;
	}
	return RC_OK;
}

/* `*ret_trouble`: some are to be tried again. */
static enum rc batch_end(struct delayed *delayed, struct batch *batch, bool *ret_trouble)
{
	size_t lasting = 0, open = 0;
	for (size_t i = 0; i < batch->count; i++) {
		enum rc rc = batch->sendings[i].rc;
		lasting += is_lasting(rc);
		open += rc != RC_OK && rc != RC_OVER && !is_lasting(rc);
	}
	LOG(LOG_DEBUG, "delayed", "sent delayed events", LOG_INT("events", batch->count),
	    LOG_INT("refused", lasting), LOG_INT("to_retry", open));
	*ret_trouble = open > 0;
	FAULT("delayed.batch.sent");
	return lasting ? store_write(delayed->config.store, failures_write, batch, NULL) : RC_OK;
}

static enum rc batch_run(
    struct delayed *delayed, const struct delayed_event *events, size_t count, bool *ret_trouble)
{
	struct batch batch = {.count = count};
	batch.sendings = arena_array(&delayed->batch_arena, struct delayed_sending, count);
	TRY(arena_status(&delayed->batch_arena));
	batch_send(delayed, &batch, events);
	enum rc rc = batch_end(delayed, &batch, ret_trouble);
	for (size_t i = 0; i < count; i++)
		sending_release(&batch.sendings[i]);
	return rc;
}

/* `*ret_wait_ms`: how long to rest afterwards. */
static enum rc run_once(struct delayed *delayed, int64_t *ret_wait_ms)
{
	const struct delayed_config *config = &delayed->config;
	struct txn_ro *txn CLEANUP(txn_ro_end) = NULL;
	struct delayed_event *events;
	size_t count;
	int64_t next_due_ms;
	bool trouble = false;
	arena_clear(&delayed->batch_arena);
	TRY(txn_ro_begin(config->store, &txn));
	TRY(delayed_events_due(txn, &delayed->batch_arena, clock_wall_ms(config->clock),
	    BATCH_EVENTS, &events, &count, &next_due_ms));
	txn_ro_end(&txn);
	if (count > 0)
		TRY(batch_run(delayed, events, count, &trouble));
	int64_t until_due = next_due_ms ? next_due_ms - clock_wall_ms(config->clock) : LOOK_MS;
	if (count > 0)
		until_due = trouble ? config->retry_ms : 0;
	*ret_wait_ms = until_due < 0 ? 0 : until_due > LOOK_MS ? LOOK_MS : until_due;
	return RC_OK;
}

static void *run(void *arg)
{
	struct delayed *delayed = arg;
	int64_t wait_ms = 0;
	while (wait_for_work(delayed, wait_ms)) {
		enum rc rc = run_once(delayed, &wait_ms);
		if (rc == RC_OK)
			continue;
		wait_ms = delayed->config.retry_ms;
		if (rc != RC_STOPPING)
			LOG(LOG_ERROR, "delayed", "could not send delayed events now, trying again",
			    LOG_STR("reason", str_of(rc_sentence(rc))), LOG_INT("in_ms", wait_ms));
	}
	return NULL;
}

enum rc delayed_start(struct delayed *delayed)
{
	TRY(thread_start(&delayed->runner, "delayed", run, delayed));
	delayed->running = true;
	return RC_OK;
}

void delayed_stop(struct delayed *delayed)
{
	if (!delayed || !delayed->running)
		return;
	lock_take(&delayed->mu);
	delayed->stopping = true;
	lock_drop(&delayed->mu);
	cond_signal(&delayed->changed);
	thread_join(delayed->runner);
	delayed->running = false;
}
