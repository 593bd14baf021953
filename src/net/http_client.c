#include "net/http_client.h"

#include "base/assert.h"
#include "base/heap.h"

#include <curl/curl.h>
#include <string.h>

enum {
	WAIT_MS = 60000,
	SPARE_HANDLES_MAX = 128,
	URL_MAX_BYTES = 16 * 1024,
	HEADER_MAX_BYTES = 8 * 1024,
	ANSWER_FIRST_BYTES = 512,
};

/* What one call needs while it is under way; kept with its handle for the next one. */
struct call_state {
	CURL *easy;
	struct http_call *call;
	struct http_client *client;
	struct curl_slist *headers;
	char *answer;   /* in the call's arena */
	size_t n, capacity;
	enum rc rc;     /* why the answer was cut off */
	struct call_state *next, *previous; /* of those under way, or of the spare ones */
};

struct http_client {
	CURLM *multi;
	struct lock mu;
	struct queue_link *first GUARDED_BY(mu);
	struct queue_link **end GUARDED_BY(mu);
	bool stopping GUARDED_BY(mu);
	bool has_cancelled; /* atomic */
	struct call_state *active, *spare; /* the thread's */
	unsigned spare_count;
	thread thread;
	bool started;
};

static pthread_once_t curl_once = PTHREAD_ONCE_INIT;

static void curl_start(void)
{
	(void)curl_global_init(CURL_GLOBAL_DEFAULT);
}

/* ---- the answer ---- */

static enum rc answer_grow(struct call_state *state, size_t needed)
{
	size_t capacity = state->capacity ? state->capacity : ANSWER_FIRST_BYTES;
	while (capacity < needed)
		capacity *= 2;
	if (capacity == state->capacity)
		return RC_OK;
	char *grown = arena_array(state->call->arena, char, capacity);
	TRY(arena_status(state->call->arena));
	if (state->n)
		memcpy(grown, state->answer, state->n);
	state->answer = grown;
	state->capacity = capacity;
	return RC_OK;
}

static size_t on_body(char *bytes, size_t size, size_t count, void *self)
{
	struct call_state *state = self;
	size_t n = size * count;
	if (n > state->call->answer_max_bytes - state->n) {
		state->rc = RC_TOO_LARGE;
		return 0;
	}
	state->rc = answer_grow(state, state->n + n);
	if (state->rc != RC_OK)
		return 0;
	memcpy(state->answer + state->n, bytes, n);
	state->n += n;
	return n;
}

static size_t on_header(char *bytes, size_t size, size_t count, void *self)
{
	struct call_state *state = self;
	str line = {bytes, size * count}, name = STR("retry-after:");
	while (line.n > 0 && (line.p[line.n - 1] == '\r' || line.p[line.n - 1] == '\n'))
		line.n--;
	if (str_eq_ascii_nocase(str_first(line, name.n), name))
		state->call->retry_after = arena_dup(state->call->arena, str_trim(str_from(line, name.n)));
	return size * count;
}

/* ---- one call ---- */

static bool is_plain(str text, size_t max)
{
	if (text.n > max)
		return false;
	for (size_t i = 0; i < text.n; i++)
		if ((unsigned char)text.p[i] < ' ' || text.p[i] == 127)
			return false;
	return true;
}

static enum rc headers_make(struct call_state *state)
{
	const struct http_call *call = state->call;
	/* Expect: 100-continue would cost a round trip. */
	state->headers = curl_slist_append(NULL, "Expect:");
	for (size_t i = 0; i < call->header_count && state->headers; i++) {
		const struct call_header *header = &call->headers[i];
		if (!is_plain(header->value, HEADER_MAX_BYTES))
			return RC_INVALID_PARAM;
		str line = arena_printf(call->arena, "%s: %.*s", header->name, STR_ARG(header->value));
		TRY(arena_status(call->arena));
		struct curl_slist *longer = curl_slist_append(state->headers, line.p);
		if (!longer)
			return RC_NOMEM;
		state->headers = longer;
	}
	return state->headers ? RC_OK : RC_NOMEM;
}

static enum rc options_set(struct call_state *state)
{
	const struct http_call *call = state->call;
	CURL *easy = state->easy;
	if (!is_plain(call->url, URL_MAX_BYTES))
		return RC_INVALID_PARAM;
	str url = arena_printf(call->arena, "%.*s", STR_ARG(call->url));
	TRY(arena_status(call->arena));
	TRY(headers_make(state));
	curl_easy_setopt(easy, CURLOPT_URL, url.p);
	curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, call->method);
	curl_easy_setopt(easy, CURLOPT_HTTPHEADER, state->headers);
	curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)call->connect_ms);
	curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)call->total_ms);
	if (call->body.n || strcmp(call->method, "GET") != 0) {
		curl_easy_setopt(easy, CURLOPT_POSTFIELDS, call->body.n ? call->body.p : "");
		curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)call->body.n);
	}
	curl_easy_setopt(easy, CURLOPT_PRIVATE, state);
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(easy, CURLOPT_WRITEDATA, state);
	curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
	curl_easy_setopt(easy, CURLOPT_HEADERDATA, state);
	curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(easy, CURLOPT_PROXY, "");
	curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(easy, CURLOPT_TCP_NODELAY, 1L);
	curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
	return RC_OK;
}

static struct call_state *state_take(struct http_client *client, struct http_call *call)
{
	struct call_state *state = client->spare;
	if (state) {
		client->spare = state->next;
		client->spare_count--;
	} else {
		state = heap_new(struct call_state);
		if (!state)
			return NULL;
		state->easy = curl_easy_init();
		if (!state->easy) {
			heap_free(state);
			return NULL;
		}
	}
	*state = (struct call_state){.easy = state->easy, .call = call, .client = client};
	return state;
}

static void state_give_back(struct call_state *state)
{
	struct http_client *client = state->client;
	curl_slist_free_all(TAKE(state->headers));
	curl_easy_reset(state->easy);
	if (client->spare_count >= SPARE_HANDLES_MAX) {
		curl_easy_cleanup(state->easy);
		heap_free(state);
		return;
	}
	state->next = client->spare;
	client->spare = state;
	client->spare_count++;
}

static void active_add(struct http_client *client, struct call_state *state)
{
	state->previous = NULL;
	state->next = client->active;
	if (state->next)
		state->next->previous = state;
	client->active = state;
}

static void active_remove(struct http_client *client, struct call_state *state)
{
	*(state->previous ? &state->previous->next : &client->active) = state->next;
	if (state->next)
		state->next->previous = state->previous;
}

static void call_begin(struct http_client *client, struct http_call *call)
{
	struct call_state *state = state_take(client, call);
	call->maybe_sent = false;
	call->retry_after = call->answer = STR_EMPTY;
	enum rc rc = state ? options_set(state) : RC_NOMEM;
	if (rc == RC_OK && curl_multi_add_handle(client->multi, state->easy) != CURLM_OK)
		rc = RC_NOMEM;
	if (rc == RC_OK) {
		active_add(client, state);
		return;
	}
	if (state)
		state_give_back(state);
	call->done(call, rc);
}

static enum rc outcome_of(const struct call_state *state, CURLcode code)
{
	switch ((int)code) {
	case CURLE_OK:
		return RC_OK;
	case CURLE_WRITE_ERROR:
		return state->rc != RC_OK ? state->rc : RC_IO;
	case CURLE_OPERATION_TIMEDOUT:
		return RC_TIMEOUT;
	case CURLE_OUT_OF_MEMORY:
		return RC_NOMEM;
	case CURLE_URL_MALFORMAT:
	case CURLE_UNSUPPORTED_PROTOCOL:
		return RC_INVALID_PARAM;
	default:
		return RC_UNAVAILABLE;
	}
}

static void call_end(struct http_client *client, struct call_state *state, enum rc rc)
{
	struct http_call *call = state->call;
	long status = 0;
	curl_off_t sent = 0;
	curl_easy_getinfo(state->easy, CURLINFO_RESPONSE_CODE, &status);
	curl_easy_getinfo(state->easy, CURLINFO_PRETRANSFER_TIME_T, &sent); /* when the request began to be sent */
	call->status = (int)status;
	call->answer = (str){state->answer, state->n};
	call->maybe_sent = rc != RC_OK && sent > 0;
	curl_multi_remove_handle(client->multi, state->easy);
	active_remove(client, state);
	state_give_back(state);
	call->done(call, rc);
}

/* ---- the thread ---- */

static bool calls_take(struct http_client *client, struct queue_link **ret_chain)
{
	lock_take(&client->mu);
	*ret_chain = client->first;
	client->first = NULL;
	client->end = &client->first;
	bool go_on = !client->stopping;
	lock_drop(&client->mu);
	return go_on;
}

static void finished_end(struct http_client *client)
{
	CURLMsg *message;
	int left;
	while ((message = curl_multi_info_read(client->multi, &left)) != NULL) {
		struct call_state *state = NULL;
		CURLcode code = message->data.result;
		if (message->msg != CURLMSG_DONE)
			continue;
		curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &state);
		call_end(client, state, outcome_of(state, code));
	}
}

static void chain_run(struct http_client *client, struct queue_link *chain, bool refuse)
{
	while (chain) {
		struct http_call *call = CONTAINER_OF(chain, struct http_call, link);
		chain = chain->next;
		if (refuse)
			call->done(call, RC_CANCELLED);
		else
			call_begin(client, call);
	}
}

static void cancelled_end(struct http_client *client)
{
	struct call_state *next;
	if (!__atomic_exchange_n(&client->has_cancelled, false, __ATOMIC_ACQ_REL))
		return;
	for (struct call_state *state = client->active; state; state = next) {
		next = state->next;
		if (__atomic_load_n(&state->call->is_cancelled, __ATOMIC_ACQUIRE))
			call_end(client, state, RC_CANCELLED);
	}
}

static void *client_run(void *arg)
{
	struct http_client *client = arg;
	struct queue_link *chain;
	int running;
	while (calls_take(client, &chain)) {
		chain_run(client, chain, false);
		cancelled_end(client);
		curl_multi_perform(client->multi, &running);
		finished_end(client);
		curl_multi_poll(client->multi, NULL, 0, WAIT_MS, NULL);
	}
	chain_run(client, chain, true);
	while (client->active)
		call_end(client, client->active, RC_CANCELLED);
	return NULL;
}

enum rc http_client_new(const struct http_client_config *config, struct http_client **ret_client)
{
	pthread_once(&curl_once, curl_start);
	struct http_client *client = heap_new(struct http_client);
	if (!client)
		return RC_NOMEM;
	lock_init(&client->mu);
	client->end = &client->first;
	client->multi = curl_multi_init();
	enum rc rc = client->multi ? RC_OK : RC_NOMEM;
	if (rc == RC_OK) {
		curl_multi_setopt(client->multi, CURLMOPT_MAX_HOST_CONNECTIONS, (long)config->per_host_max);
		curl_multi_setopt(client->multi, CURLMOPT_MAX_TOTAL_CONNECTIONS, (long)config->connections_max);
		curl_multi_setopt(client->multi, CURLMOPT_MAXCONNECTS, (long)config->connections_max);
		curl_multi_setopt(client->multi, CURLMOPT_PIPELINING, CURLPIPE_NOTHING);
		rc = thread_start(&client->thread, "http-client", client_run, client);
	}
	client->started = rc == RC_OK;
	if (rc != RC_OK) {
		http_client_free(client);
		return rc;
	}
	*ret_client = client;
	return RC_OK;
}

static void wake(struct http_client *client)
{
	(void)curl_multi_wakeup(client->multi);
}

void http_client_free(struct http_client *client)
{
	if (!client)
		return;
	if (client->started) {
		lock_take(&client->mu);
		client->stopping = true;
		lock_drop(&client->mu);
		wake(client);
		thread_join(client->thread);
	}
	for (struct call_state *state = client->spare, *next; state; state = next) {
		next = state->next;
		curl_easy_cleanup(state->easy);
		heap_free(state);
	}
	if (client->multi)
		curl_multi_cleanup(client->multi);
	lock_destroy(&client->mu);
	heap_free(client);
}

void http_client_cancel(struct http_client *client, struct http_call *call)
{
	__atomic_store_n(&call->is_cancelled, true, __ATOMIC_RELEASE);
	__atomic_store_n(&client->has_cancelled, true, __ATOMIC_RELEASE);
	wake(client);
}

void http_client_submit(struct http_client *client, struct http_call *call)
{
	lock_take(&client->mu);
	bool stopping = client->stopping, was_empty = client->first == NULL;
	call->link.next = NULL;
	if (!stopping) {
		*client->end = &call->link;
		client->end = &call->link.next;
	}
	lock_drop(&client->mu);
	if (stopping)
		call->done(call, RC_CANCELLED);
	else if (was_empty)
		wake(client);
}
