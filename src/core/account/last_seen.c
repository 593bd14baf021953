/* When devices were last seen. One write for each device in LAST_SEEN_EVERY_MS at most, behind all others. */
#include "core/account/accounts_int.h"

#include "base/heap.h"

#include <string.h>

enum {
	LAST_SEEN_EVERY_MS = 5 * 60 * 1000,
	LAST_SEEN_DEVICES_MAX =
	    100000, /* beyond, all are forgotten, and written once more than needed */
	IP_MAX_BYTES = 46,
};

void last_seen_init(struct last_seen *seen)
{
	lock_init(&seen->mu);
	cond_init(&seen->written);
	map64_init(&seen->devices);
}

void last_seen_release(struct last_seen *seen)
{
	map64_release(&seen->devices);
	cond_destroy(&seen->written);
	lock_destroy(&seen->mu);
}

/* The time is the map's value: it is never 0. */
static bool due_locked(struct last_seen *seen, uint64_t device, int64_t now_ms) REQUIRES(seen->mu)
{
	intptr_t before = (intptr_t)map64_get(&seen->devices, device);
	if (before && now_ms - before < LAST_SEEN_EVERY_MS)
		return false;
	if (map64_count(&seen->devices) >= LAST_SEEN_DEVICES_MAX) {
		map64_release(&seen->devices);
		map64_init(&seen->devices);
	}
	return map64_put(&seen->devices, device, (void *)(intptr_t)now_ms, NULL) == RC_OK;
}

bool accounts_seen_is_due(struct accounts *accounts, const struct session *session)
{
	struct last_seen *seen = &accounts->last_seen;
	int64_t now_ms = clock_mono_ms(accounts->config.clock) + 1;
	if (session->device == 0)
		return false;
	lock_take(&seen->mu);
	bool due = due_locked(seen, (uint64_t)session->device, now_ms);
	lock_drop(&seen->mu);
	return due;
}

struct seen_write {
	struct write_job job;
	struct last_seen *seen;
	int64_t device, now_ms;
	size_t ip_bytes;
	char ip[IP_MAX_BYTES];
};

/* The device may be gone meanwhile: then nothing is written. */
static enum rc seen_run(struct txn_rw *txn, struct write_job *job)
{
	const struct seen_write *write = CONTAINER_OF(job, struct seen_write, job);
	return device_set_seen(
	    txn, write->device, write->now_ms, str_bytes(write->ip, write->ip_bytes));
}

static void seen_done(struct write_job *job, enum rc rc)
{
	(void)rc; /* the next time it is seen */
	struct seen_write *write = CONTAINER_OF(job, struct seen_write, job);
	struct last_seen *seen = write->seen;
	heap_free(write);
	lock_take(&seen->mu);
	seen->under_way--;
	cond_signal(&seen->written);
	lock_drop(&seen->mu);
}

void accounts_seen(struct accounts *accounts, const struct session *session, str ip)
{
	struct seen_write *write = heap_zero(1, sizeof *write);
	if (!write)
		return;
	write->job = (struct write_job){.write = seen_run, .done = seen_done, .background = true};
	write->seen = &accounts->last_seen;
	write->device = session->device;
	write->now_ms = clock_wall_ms(accounts->config.clock);
	write->ip_bytes = ip.n < IP_MAX_BYTES ? ip.n : IP_MAX_BYTES;
	memcpy(write->ip, ip.p, write->ip_bytes);
	lock_take(&write->seen->mu);
	write->seen->under_way++;
	lock_drop(&write->seen->mu);
	store_submit(accounts->config.store, &write->job);
}

void accounts_stop(struct accounts *accounts)
{
	if (!accounts)
		return;
	struct last_seen *seen = &accounts->last_seen;
	lock_take(&seen->mu);
	while (seen->under_way > 0)
		cond_wait(&seen->written, &seen->mu);
	lock_drop(&seen->mu);
}
