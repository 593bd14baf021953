#include "daemon/house.h"

#include "core/push/push.h"
#include "core/sync/notifier.h"
#include "daemon/identity.h"
#include "store/news.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	HOUSE_ARENA_BYTES = 1024 * 1024,
	SESSIONS_CACHED_MAX = 20000,
	UIA_SESSIONS_MAX = 10000,
	DELAYED_RETRY_MS = 1000,
	UIA_SESSION_LIFE_MS = 15 * 60 * 1000,
	TYPING_TIMEOUT_MAX_MS = 2 * 60 * 1000,
};

static enum rc make_directory(str path, struct fail *fail)
{
	char text[4097];
	size_t n = path.n < sizeof text - 1 ? path.n : sizeof text - 1;
	memcpy(text, path.p, n);
	text[n] = '\0';
	if (mkdir(text, 0700) == 0 || errno == EEXIST)
		return RC_OK;
	return fail_set(fail, errno == EACCES || errno == EROFS ? RC_FORBIDDEN : RC_IO,
	                "cannot make the data directory %s: %s", text, strerror(errno));
}

static enum rc open_store(struct house *house, struct fail *fail)
{
	const struct settings *settings = house->settings;
	str password = STR_EMPTY;
	TRY(make_directory(settings->server_data, fail));
	if (settings->database_postgres.n && settings->database_sqlite.n)
		return fail_set(fail, RC_INVALID_PARAM, "database.sqlite and database.postgres are both set: name one database");
	if (settings->database_password_file.n)
		TRY(secret_read(&house->arena, settings->database_password_file, &password, fail));
	struct store_config config = {
		.directory = settings->server_data,
		.sqlite_directory = settings->database_sqlite,
		.database = settings->database_postgres,
		.database_password = password,
		.statement_timeout_ms = settings->database_statement_timeout_ms,
		.readers_max = (unsigned)settings->store_readers_max,
		.group_max_jobs = (size_t)settings->store_group_jobs_max,
		.group_max_ms = settings->store_group_max_ms,
		.clock = &clock_system,
		.rng = &rng_system,
	};
	return store_open(&config, &house->store, fail);
}

/* Parked polls look again and find their token gone. */
static void on_sessions_dropped(void *self, int64_t user)
{
	struct house *house = self;
	if (house->notifier)
		notify_user(house->notifier, user);
}

static void on_devices_ended(void *self, int64_t user)
{
	struct house *house = self;
	if (house->keys)
		keys_wake_sharers(house->keys, user);
}

static enum rc open_accounts(struct house *house)
{
	const struct settings *settings = house->settings;
	struct accounts_config config = {
	    .store = house->store,
	    .clock = &clock_system,
	    .rng = &rng_system,
	    .server_name = settings->server_name,
	    .registration = (enum registration_mode)settings->registration_mode,
	    .password_cost =
		{
		    .passes = (unsigned)settings->password_argon2_passes,
		    .memory_bytes = (size_t)settings->password_argon2_memory_kib * 1024,
		},
	    .access_token_life_ms = settings->session_access_token_lifetime_ms,
	    .sessions_cached_max = SESSIONS_CACHED_MAX,
	    .uia_sessions_max = UIA_SESSIONS_MAX,
	    .uia_session_life_ms = UIA_SESSION_LIFE_MS,
	    .directory_shows_all = settings->user_directory_search_all_users,
	    .on_sessions_dropped = on_sessions_dropped,
	    .on_devices_ended = on_devices_ended,
	    .self = house,
	};
	return accounts_new(&config, &house->accounts);
}

static enum rc open_keys(struct house *house)
{
	struct keys_config config = {
	    .store = house->store,
	    .notifier = house->notifier,
	    .server_name = house->settings->server_name,
	};
	return keys_new(&config, &house->keys);
}

static void on_event(void *self, const struct event_news *news)
{
	struct house *house = self;
	notify_room(house->notifier, news->room);
	if (news->member)
		notify_user(house->notifier, news->member);
	for (size_t i = 0; news->members && i < news->members->count; i++)
		notify_user(house->notifier, news->members->users[i]);
	if (news->members && news->members->departures && house->deactivations)
		deactivations_wake(house->deactivations);
}

static enum rc open_rooms(struct house *house)
{
	const struct settings *settings = house->settings;
	struct rooms_config config = {
		.store = house->store,
		.clock = &clock_system,
		.rng = &rng_system,
		.identity = &house->identity,
		.default_version = settings->rooms_default_version,
		.marker = (enum marker_keys)settings->deactivation_marker,
		.heads_max = (size_t)settings->rooms_heads_max,
		.on_event = on_event,
		.news_self = house,
	};
	return rooms_new(&config, &house->rooms);
}

static enum rc open_push(struct house *house)
{
	struct push_config config = {.store = house->store};
	return push_new(&config, &house->push);
}

static enum rc open_syncs(struct house *house)
{
	struct syncs_config config = {
	    .store = house->store,
	    .clock = &clock_system,
	    .notifier = house->notifier,
	    .push = house->push,
	    .typing_timeout_max_ms = TYPING_TIMEOUT_MAX_MS,
	};
	return syncs_new(&config, &house->syncs);
}

static void on_deactivated(void *self, int64_t user)
{
	struct house *house = self;
	accounts_drop_sessions(house->accounts, user);
	sync_drop_typing(house->syncs, user);
}

static enum rc open_deactivations(struct house *house)
{
	const struct settings *settings = house->settings;
	struct deactivations_config config = {
		.store = house->store,
		.rooms = house->rooms,
		.clock = &clock_system,
		.rng = &rng_system,
		.batch_rooms = (size_t)settings->deactivation_batch_rooms,
		.retry_first_ms = settings->deactivation_retry_first_ms,
		.retry_max_ms = settings->deactivation_retry_max_ms,
		.on_accepted = on_deactivated,
		.self = house,
	};
	return deactivations_new(&config, &house->deactivations);
}

static enum rc open_delayed(struct house *house)
{
	const struct settings *settings = house->settings;
	struct delayed_config config = {
		.store = house->store,
		.rooms = house->rooms,
		.clock = &clock_system,
		.rng = &rng_system,
		.max_delay_ms = settings->delayed_events_max_delay_ms,
		.max_scheduled = settings->delayed_events_max_scheduled,
		.retry_ms = DELAYED_RETRY_MS,
	};
	return delayed_new(&config, &house->delayed);
}

/* A token set in the configuration is as good as one the administrator made. */
static enum rc put_configured_token(struct txn_rw *txn, void *arg, struct fail *fail)
{
	(void)fail;
	const struct settings *settings = arg;
	struct registration_token token = {.token = settings->registration_token, .uses_allowed = -1};
	return registration_token_put(txn, &token);
}

enum rc house_open(struct house *house, const struct settings *settings, struct fail *fail)
{
	*house = (struct house){.settings = settings};
	arena_init(&house->arena, HOUSE_ARENA_BYTES);
	TRY(settings_check(settings, fail));
	TRY(crypto_init());
	TRY(open_store(house, fail));
	TRY(identity_keep_name(&house->arena, settings->server_data, settings->server_name, fail));
	str key_path = settings->server_signing_key;
	if (!key_path.n)
		key_path = arena_printf(&house->arena, "%.*s/signing.key", STR_ARG(settings->server_data));
	TRY(identity_open(&house->arena, &rng_system, key_path, settings->server_name, &house->identity, fail));
	TRY(notifier_new(&house->notifier));
	TRY(open_accounts(house));
	TRY(open_keys(house));
	TRY(open_rooms(house));
	TRY(open_push(house));
	TRY(open_syncs(house));
	TRY(open_deactivations(house));
	TRY(open_delayed(house));
	if (settings->registration_token.n)
		TRY(store_write(house->store, put_configured_token, UNCONST(struct settings *, settings), fail));
	return RC_OK;
}

static bool on_settle(void *self, size_t slot)
{
	const struct house *house = self;
	return rooms_settle_slot(house->rooms, slot);
}

/* Slots that came to us may hold rooms to leave, or to send into. */
static void on_cluster_change(void *self)
{
	const struct house *house = self;
	deactivations_wake(house->deactivations);
	delayed_wake(house->delayed);
}

static void on_fenced(void *self)
{
	struct house *house = self;
	__atomic_store_n(&house->is_fenced, true, __ATOMIC_RELEASE);
	(void)kill(getpid(), SIGTERM);
}

static void on_everything(struct house *house)
{
	accounts_drop_all_sessions(house->accounts);
	notify_all(house->notifier);
	deactivations_wake(house->deactivations);
	delayed_wake(house->delayed);
	cluster_look(house->cluster);
}

static void on_news(void *self, const struct news *news)
{
	struct house *house = self;
	switch (news->kind) {
	case NEWS_EVERYTHING:
		on_everything(house);
		break;
	case NEWS_ROOM:
		notify_room(house->notifier, news->id);
		break;
	case NEWS_USER:
		notify_user(house->notifier, news->id);
		break;
	case NEWS_SESSIONS: /* the end of the account may be the reason */
		accounts_drop_sessions(house->accounts, news->id);
		sync_drop_typing(house->syncs, news->id);
		break;
	case NEWS_DEPARTURES:
		deactivations_wake(house->deactivations);
		break;
	case NEWS_DELAYED:
		delayed_wake(house->delayed);
		break;
	case NEWS_PROCESSES:
		cluster_look(house->cluster);
		break;
	case NEWS_TYPING:
		sync_hear_typing(house->syncs, news->id, news->text);
		break;
	}
}

enum rc house_open_cluster(struct house *house, struct fail *fail)
{
	const struct settings *settings = house->settings;
	if (!settings->database_postgres.n)
		return RC_OK;
	struct cluster_config config = {
		.store = house->store,
		.clock = &clock_system,
		.rng = &rng_system,
		.key_id = house->identity.key_id,
		.beat_ms = settings->cluster_beat_ms,
		.lease_ms = settings->cluster_lease_ms,
		.settle = on_settle,
		.on_change = on_cluster_change,
		.on_fenced = on_fenced,
		.self = house,
	};
	if (settings->cluster_lease_ms < 2 * settings->cluster_beat_ms)
		return fail_set(fail, RC_INVALID_PARAM, "cluster.lease_ms must be at least twice cluster.beat_ms");
	return cluster_new(&config, &house->cluster);
}

enum rc house_join(struct house *house, str address, str link, struct fail *fail)
{
	TRY(store_listen(house->store, on_news, house));
	return cluster_start(house->cluster, address, link, fail);
}

void house_close(struct house *house)
{
	deactivations_stop(house->deactivations);
	delayed_stop(house->delayed);
	if (house->store)
		store_unlisten(house->store);
	accounts_stop(house->accounts);
	cluster_stop(house->cluster);
	deactivations_free(TAKE(house->deactivations));
	delayed_free(TAKE(house->delayed));
	syncs_free(TAKE(house->syncs));
	store_close(TAKE(house->store)); /* after it no callback comes any more */
	cluster_free(TAKE(house->cluster));
	push_free(TAKE(house->push));
	rooms_free(TAKE(house->rooms));
	keys_free(TAKE(house->keys));
	accounts_free(TAKE(house->accounts));
	notifier_free(TAKE(house->notifier));
	crypto_wipe(&house->identity, sizeof house->identity);
	arena_release(&house->arena);
}
