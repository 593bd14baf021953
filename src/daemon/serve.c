#include "daemon/serve.h"

#include "api/dispatch.h"
#include "base/log.h"
#include "daemon/control.h"
#include "daemon/house.h"
#include "daemon/identity.h"
#include "net/link.h"

#include <signal.h>
#include <stdio.h>
#include <systemd/sd-daemon.h>

enum {
	STOP_GRACE_MS = 5000,
	HEAD_MAX_BYTES = 16 * 1024,
	REMOTE_LANE_THREADS = 1,
};

struct server {
	struct house house;
	struct api_context context;
	struct api *api;
	struct http_server *http;
	struct link *link; /* NULL: there is one process */
	struct control *control;
};

static str base_url(const struct settings *settings, struct arena *arena)
{
	if (settings->server_base_url.n)
		return settings->server_base_url;
	return arena_printf(arena, "http://%.*s", STR_ARG(settings->http_listen));
}

static enum rc open_api(struct server *server, const struct settings *settings, struct fail *fail)
{
	struct house *house = &server->house;
	server->context = (struct api_context){
	    .accounts = house->accounts,
	    .keys = house->keys,
	    .rooms = house->rooms,
	    .syncs = house->syncs,
	    .push = house->push,
	    .deactivations = house->deactivations,
	    .delayed = house->delayed,
	    .notifier = house->notifier,
	    .cluster = house->cluster,
	    .store = house->store,
	    .clock = &clock_system,
	    .rng = &rng_system,
	    .server_name = settings->server_name,
	    .public_base_url = base_url(settings, &house->arena),
	    .default_room_version = settings->rooms_default_version,
	    .marker_advertised = true,
	    .support = {settings->support_matrix_id, settings->support_email_address,
		settings->support_page},
	    .turn = settings_turn(settings),
	};
	TRY(arena_status(&house->arena));
	server->context.link = server->link;
	if (settings->turn_shared_secret_file.n)
		TRY(secret_read(&house->arena, settings->turn_shared_secret_file,
		    &server->context.turn.secret, fail));
	struct api_config config = {.rate_limits = rate_limits_default()};
	config.rate_limits.enabled = settings->rate_limit_enabled;
	TRY(trusted_proxies_parse(settings->http_trusted_proxies, &config.trusted_proxies, NULL));
	return api_new(&server->context, &config, &server->api);
}

static enum rc open_http(struct server *server, const struct settings *settings, struct fail *fail)
{
	struct http_config config = {
		.loop_threads = (unsigned)settings->http_loop_threads,
		.lane_threads = {
			[LANE_DB] = (unsigned)settings->http_worker_threads,
			[LANE_REMOTE] = REMOTE_LANE_THREADS,
			[LANE_SLOW] = (unsigned)settings->http_password_threads,
		},
		.connections_max = (unsigned)settings->http_connections_max,
		.head_max_bytes = HEAD_MAX_BYTES,
		.request_budget_bytes = (size_t)settings->http_request_memory_bytes,
		.body_timeout_ms = settings->http_body_timeout_ms,
		.idle_timeout_ms = settings->http_idle_timeout_ms,
		.clock = &clock_system,
		.handler = api_http_handler(server->api),
	};
	config.own_headers = api_own_headers(&config.own_header_count);
	if (!listen_parse(settings->http_listen, &config.listen_host, &config.listen_port))
		return fail_set(fail, RC_INVALID_PARAM, "http.listen takes ADDRESS:PORT, not '%.*s'",
		                STR_ARG(str_first(settings->http_listen, 80)));
	return http_server_start(&config, &server->http, fail);
}

static bool is_secret(void *self, str secret)
{
	const struct house *house = self;
	return cluster_is_secret(house->cluster, secret);
}

static bool is_alive(void *self, int64_t process)
{
	const struct house *house = self;
	return cluster_is_alive(house->cluster, process);
}

/* Where HTTP is listened for, since that is where the other processes are known to come through. */
static enum rc open_link(struct server *server, const struct settings *settings, struct fail *fail)
{
	uint16_t http_port;
	struct link_config config = {
		.listen_port = (uint16_t)settings->cluster_link_port,
		.clock = &clock_system,
		.is_secret = is_secret,
		.is_alive = is_alive,
		.self = &server->house,
	};
	if (!server->house.cluster)
		return RC_OK;
	if (!listen_parse(settings->http_listen, &config.listen_host, &http_port))
		return RC_INVALID_PARAM;
	return link_open(&config, &server->link, fail);
}

static str host_of(str address)
{
	return str_first(address, str_find_last(address, ':'));
}

/* With the ports that the system chose, where it was to. */
static enum rc join(struct server *server, const struct settings *settings, struct fail *fail)
{
	struct arena *arena = &server->house.arena;
	str address = settings->cluster_address;
	if (!server->link)
		return RC_OK;
	if (!address.n)
		address = arena_printf(arena, "%.*s:%u", STR_ARG(host_of(settings->http_listen)),
		                       (unsigned)http_server_port(server->http));
	str link = arena_printf(arena, "%.*s:%u", STR_ARG(host_of(address)), (unsigned)link_port(server->link));
	TRY(arena_status(arena));
	TRY(link_start(server->link, server->http));
	return house_join(&server->house, address, link, fail);
}

static enum rc open_all(struct server *server, const struct settings *settings, struct fail *fail)
{
	TRY(house_open(&server->house, settings, fail));
	TRY(house_open_cluster(&server->house, fail));
	TRY(open_link(server, settings, fail));
	TRY(open_api(server, settings, fail));
	TRY(control_start(&server->house, &server->control, fail));
	TRY(open_http(server, settings, fail));
	TRY(join(server, settings, fail));
	TRY(deactivations_start(server->house.deactivations));
	return delayed_start(server->house.delayed);
}

/* The reverse of open_all(); accepts what is half open. */
static void close_all(struct server *server)
{
	control_stop(TAKE(server->control));
	if (server->http)
		http_server_stop(server->http, server->house.is_fenced ? 0 : STOP_GRACE_MS);
	deactivations_stop(server->house.deactivations);
	delayed_stop(server->house.delayed);
	link_free(TAKE(server->link));
	http_server_free(TAKE(server->http));
	house_close(&server->house);
	api_free(TAKE(server->api));
}

static void wait_for_end(void)
{
	sigset_t ends;
	int which;
	sigemptyset(&ends);
	sigaddset(&ends, SIGTERM);
	sigaddset(&ends, SIGINT);
	sigwait(&ends, &which);
}

static void block_signals(void)
{
	sigset_t ends;
	sigemptyset(&ends);
	sigaddset(&ends, SIGTERM);
	sigaddset(&ends, SIGINT);
	pthread_sigmask(SIG_BLOCK, &ends, NULL);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN); /* a full quota is an error of write(2), not the end */
}

static void say_ready(const struct server *server, const struct settings *settings)
{
	LOG(LOG_INFO, "daemon", "serving", LOG_STR("version", STR(EXEUNT_VERSION)),
	    LOG_STR("server_name", settings->server_name), LOG_STR("listen", settings->http_listen),
	    LOG_INT("port", http_server_port(server->http)), LOG_STR("data", settings->server_data));
	sd_notify(0, "READY=1");
}

int serve(const struct settings *settings)
{
	struct server server = {0};
	struct fail fail = {0};
	log_configure(2, (enum log_format)settings->log_format, (enum log_level)settings->log_level);
	block_signals();
	enum rc rc = open_all(&server, settings, &fail);
	if (rc == RC_OK) {
		say_ready(&server, settings);
		wait_for_end();
		sd_notify(0, "STOPPING=1");
		LOG(LOG_INFO, "daemon", "stopping");
	} else {
		fail.rc = rc;
		fprintf(stderr, "exeunt serve: %s\n", fail_message(&fail));
	}
	bool fenced = __atomic_load_n(&server.house.is_fenced, __ATOMIC_ACQUIRE);
	close_all(&server);
	if (rc == RC_OK)
		LOG(LOG_INFO, "daemon", "stopped");
	return rc == RC_OK && !fenced ? 0 : 1;
}
