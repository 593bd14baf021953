#include "net/link_rig.h"

#include <stdio.h>

static bool is_secret(void *self, str secret)
{
	(void)self;
	return str_eq_secret(secret, LINK_RIG_SECRET);
}

static bool is_alive(void *self, int64_t process)
{
	const struct link_rig *rig = self;
	(void)process;
	return !__atomic_load_n(&rig->is_ended, __ATOMIC_ACQUIRE);
}

void link_rig_start(struct link_rig *rig)
{
	struct fail fail = {0};
	memset(rig, 0, sizeof *rig);
	rig_init(&rig->rig);
	rig_start(&rig->rig);
	struct link_config config = {
		.listen_host = STR("127.0.0.1"),
		.clock = &rig->rig.clock,
		.is_secret = is_secret,
		.is_alive = is_alive,
		.self = rig,
	};
	assert_rc(link_open(&config, &rig->link, &fail), RC_OK);
	assert_rc(link_start(rig->link, rig->rig.server), RC_OK);
}

void link_rig_stop(struct link_rig *rig)
{
	http_server_stop(rig->rig.server, 0);
	link_free(TAKE(rig->link));
	rig_free(&rig->rig);
}

static void on_done(struct link_call *call, enum rc rc)
{
	struct trial *trial = CONTAINER_OF(call, struct trial, call);
	struct rig *rig = &trial->rig->rig;
	lock_take(&rig->mu);
	trial->rc = rc;
	trial->dones++;
	cond_broadcast(&rig->changed);
	lock_drop(&rig->mu);
}

void trial_init(struct trial *trial, struct link_rig *rig, const char *path, str body)
{
	*trial = (struct trial){.rig = rig};
	arena_init(&trial->arena, 16 * MEBIBYTE);
	trial->call = (struct link_call){
		.process = 1,
		.secret = LINK_RIG_SECRET,
		.request = {.method = STR("POST"), .path = str_of(path), .body = body},
		.arena = &trial->arena,
		.done = on_done,
	};
	trial_call_port(trial, link_port(rig->link));
}

void trial_call_port(struct trial *trial, unsigned port)
{
	int n = snprintf(trial->address, sizeof trial->address, "127.0.0.1:%u", port);
	trial->call.address = (str){trial->address, (size_t)n};
}

void trial_submit(struct trial *trial)
{
	link_submit(trial->rig->link, &trial->call);
}

void trial_await(struct trial *trial, enum rc expected)
{
	rig_await(&trial->rig->rig, &trial->dones, 1);
	assert_int_equal(trial->dones, 1);
	assert_rc(trial->rc, expected);
}

void trial_release(struct trial *trial)
{
	arena_release(&trial->arena);
}

void trial_run(struct trial *trial, int status, str answer)
{
	trial_submit(trial);
	trial_await(trial, RC_OK);
	assert_int_equal(trial->call.answer.status, status);
	assert_str(trial->call.answer.body, answer);
	trial_release(trial);
}

void trial_fail(struct trial *trial, enum rc expected)
{
	trial_submit(trial);
	trial_await(trial, expected);
	trial_release(trial);
}
