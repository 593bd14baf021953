#include "postgres_proxy.h"

#include "base/lock.h"

#include <libpq-fe.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { PAIRS_MAX = 16, CHUNK_BYTES = 1 << 16, LOOK_MS = 20, LAST_MAX_BYTES = 60000 };

struct pair {
	int client, server; /* -1: free */
	bool loses_answer;
	bool is_deaf; /* nothing is passed any more */
	ssize_t
	    last_left; /* bytes after which it becomes deaf, unless a Sync comes before; 0: it does not */
};

struct postgres_proxy {
	struct sockaddr_un here, there;
	int listener;
	thread thread;
	bool stopping; /* atomic */
	int cut, cuts; /* atomic; enum proxy_cut of what comes next */
	bool refuses;  /* atomic */
	struct pair pairs[PAIRS_MAX];
	char chunk[CHUNK_BYTES];
};

/* False: not on a unix socket. */
static bool server_address(const char *database, struct sockaddr_un *ret_address)
{
	char host[108] = "", port[16] = "5432";
	PQconninfoOption *options = PQconninfoParse(database, NULL);
	for (const PQconninfoOption *option = options; option && option->keyword; option++) {
		if (option->val && strcmp(option->keyword, "host") == 0)
			snprintf(host, sizeof host, "%s", option->val);
		if (option->val && strcmp(option->keyword, "port") == 0)
			snprintf(port, sizeof port, "%s", option->val);
	}
	PQconninfoFree(options);
	ret_address->sun_family = AF_UNIX;
	int n = snprintf(ret_address->sun_path, sizeof ret_address->sun_path, "%.80s/.s.PGSQL.%s", host, port);
	return host[0] == '/' && strlen(host) <= 80 && n < (int)sizeof ret_address->sun_path;
}

static void pair_close(struct pair *pair)
{
	close(pair->client);
	close(pair->server);
	*pair = (struct pair){.client = -1, .server = -1};
}

static void pair_open(struct postgres_proxy *proxy)
{
	int client = accept(proxy->listener, NULL, NULL);
	bool refuses = __atomic_load_n(&proxy->refuses, __ATOMIC_ACQUIRE);
	for (size_t i = 0; i < PAIRS_MAX && client >= 0 && !refuses; i++) {
		struct pair *pair = &proxy->pairs[i];
		if (pair->client >= 0)
			continue;
		int server = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
		*pair = (struct pair){.client = client, .server = server};
		if (connect(server, (const struct sockaddr *)&proxy->there, sizeof proxy->there) != 0)
			pair_close(pair);
		return;
	}
	close(client);
}

static bool pass(const struct postgres_proxy *proxy, int to, ssize_t n)
{
	for (ssize_t sent = 0, step; sent < n; sent += step)
		if ((step = send(to, proxy->chunk + sent, (size_t)(n - sent), MSG_NOSIGNAL)) <= 0)
			return false;
	return n > 0;
}

static void cut_count(struct postgres_proxy *proxy)
{
	__atomic_add_fetch(&proxy->cuts, 1, __ATOMIC_RELEASE);
}

static void cut_off(struct postgres_proxy *proxy, struct pair *pair)
{
	pair_close(pair);
	cut_count(proxy);
}

static void deafen(struct postgres_proxy *proxy, struct pair *pair)
{
	pair->is_deaf = true;
	cut_count(proxy);
}

static bool ends_with_sync(const struct postgres_proxy *proxy, ssize_t n)
{
	static const char sync[] = {'S', 0, 0, 0, 4};
	return n >= (ssize_t)sizeof sync &&
	       memcmp(proxy->chunk + n - sizeof sync, sync, sizeof sync) == 0;
}

static void from_client(struct postgres_proxy *proxy, struct pair *pair)
{
	ssize_t n = recv(pair->client, proxy->chunk, CHUNK_BYTES, 0);
	int cut = n > 0 ? __atomic_exchange_n(&proxy->cut, PROXY_PASSES, __ATOMIC_ACQ_REL) : PROXY_PASSES;
	if (cut == PROXY_LOSES_REQUEST) {
		cut_off(proxy, pair);
		return;
	}
	if (cut == PROXY_SWALLOWS_REQUEST) {
		deafen(proxy, pair);
		return;
	}
	if (cut == PROXY_SWALLOWS_ANSWER)
		pair->last_left = LAST_MAX_BYTES;
	pair->loses_answer |= cut == PROXY_LOSES_ANSWER;
	if (!pass(proxy, pair->server, n))
		pair_close(pair);
	else if (cut == PROXY_LEAVES)
		cut_off(proxy, pair);
	else if (pair->last_left > 0 && ((pair->last_left -= n) <= 0 || ends_with_sync(proxy, n)))
		deafen(proxy, pair);
}

/* An answer that is to be lost is read to its end, ReadyForQuery: so the server has done everything. */
static void from_server(struct postgres_proxy *proxy, struct pair *pair)
{
	static const char ready[] = {'Z', 0, 0, 0, 5};
	ssize_t n = recv(pair->server, proxy->chunk, CHUNK_BYTES, 0);
	if (!pair->loses_answer || n <= 0) {
		if (!pass(proxy, pair->client, n))
			pair_close(pair);
	} else if (n > (ssize_t)sizeof ready && memcmp(proxy->chunk + n - 6, ready, sizeof ready) == 0) {
		cut_off(proxy, pair);
	}
}

/* -1: nothing of it is heard. */
static int heard(const struct pair *pair, int fd)
{
	return pair->is_deaf ? -1 : fd;
}

static void *proxy_run(void *arg)
{
	struct postgres_proxy *proxy = arg;
	while (!__atomic_load_n(&proxy->stopping, __ATOMIC_ACQUIRE)) {
		struct pollfd fds[1 + 2 * PAIRS_MAX] = {{.fd = proxy->listener, .events = POLLIN}};
		for (size_t i = 0; i < PAIRS_MAX; i++) {
			fds[1 + 2 * i] =
			    (struct pollfd){.fd = heard(&proxy->pairs[i], proxy->pairs[i].client),
				.events = POLLIN};
			fds[2 + 2 * i] =
			    (struct pollfd){.fd = heard(&proxy->pairs[i], proxy->pairs[i].server),
				.events = POLLIN};
		}
		(void)poll(fds, 1 + 2 * PAIRS_MAX, LOOK_MS);
		for (size_t i = 0; i < PAIRS_MAX; i++) {
			struct pair *pair = &proxy->pairs[i];
			if (fds[1 + 2 * i].revents && pair->client >= 0)
				from_client(proxy, pair);
			if (fds[2 + 2 * i].revents && pair->server >= 0 && !pair->is_deaf)
				from_server(proxy, pair);
		}
		if (fds[0].revents)
			pair_open(proxy);
	}
	return NULL;
}

struct postgres_proxy *proxy_new(const char *database, const char *directory)
{
	struct postgres_proxy *proxy = calloc(1, sizeof *proxy);
	if (!server_address(database, &proxy->there)) {
		free(proxy);
		return NULL;
	}
	for (size_t i = 0; i < PAIRS_MAX; i++)
		proxy->pairs[i] = (struct pair){.client = -1, .server = -1};
	proxy->here.sun_family = AF_UNIX;
	snprintf(proxy->here.sun_path, sizeof proxy->here.sun_path, "%.90s/.s.PGSQL.5432", directory);
	proxy->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (bind(proxy->listener, (const struct sockaddr *)&proxy->here, sizeof proxy->here) != 0 ||
	    listen(proxy->listener, PAIRS_MAX) != 0 ||
	    thread_start(&proxy->thread, "proxy", proxy_run, proxy) != RC_OK) {
		perror("proxy");
		abort();
	}
	return proxy;
}

void proxy_free(struct postgres_proxy *proxy)
{
	if (!proxy)
		return;
	__atomic_store_n(&proxy->stopping, true, __ATOMIC_RELEASE);
	thread_join(proxy->thread);
	for (size_t i = 0; i < PAIRS_MAX; i++)
		if (proxy->pairs[i].client >= 0)
			pair_close(&proxy->pairs[i]);
	close(proxy->listener);
	unlink(proxy->here.sun_path);
	free(proxy);
}

void proxy_cut_next(struct postgres_proxy *proxy, enum proxy_cut cut)
{
	__atomic_store_n(&proxy->cut, (int)cut, __ATOMIC_RELEASE);
}

void proxy_refuse(struct postgres_proxy *proxy, bool refuses)
{
	__atomic_store_n(&proxy->refuses, refuses, __ATOMIC_RELEASE);
}

int proxy_cuts(struct postgres_proxy *proxy)
{
	return __atomic_load_n(&proxy->cuts, __ATOMIC_ACQUIRE);
}
